"""How long a person who signed in stays so, and where they may be led afterwards."""

import re
from datetime import timedelta

LINK_VALID = timedelta(minutes=10)
IDLE_AT_MOST = timedelta(hours=12)
SESSION_AT_MOST = timedelta(days=7)

HOME = "/"
PATH_AT_MOST = 2000
_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def own_path(wanted: str) -> str:
    """A place of our own that `wanted` names, else the first page.

    Only visible ASCII without a backslash, and no second slash at the beginning: browsers drop tabs and line ends, and
    read `//host` and `/\\host` as another site's address.
    """
    return wanted if len(wanted) <= PATH_AT_MOST and _OWN_PATH.fullmatch(wanted) else HOME
