"""How long a person who signed in stays so, and where they may be led afterwards."""

import re
from datetime import timedelta
from enum import StrEnum, auto

LINK_VALID = timedelta(minutes=10)
IDLE_AT_MOST = timedelta(hours=12)
SESSION_AT_MOST = timedelta(days=7)
FRESH = timedelta(minutes=15)
"""So long after they signed in people may do what only admins may, or change how they sign in."""

PASSWORD_AT_LEAST, PASSWORD_AT_MOST = 12, 200
RECOVERY_CODES = 10
FAILED_CODES_AT_MOST = 10
"""So many wrong codes with the right password, and only a new link helps: who stole the password guesses no more."""

HOME = "/"
PATH_AT_MOST = 2000
_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")


class SignInMethod(StrEnum):
    LINK = auto()
    PASSWORD = auto()


def own_path(wanted: str) -> str:
    """A place of our own that `wanted` names, else the first page.

    Only visible ASCII without a backslash, and no second slash at the beginning: browsers drop tabs and line ends, and
    read `//host` and `/\\host` as another site's address.
    """
    return wanted if len(wanted) <= PATH_AT_MOST and _OWN_PATH.fullmatch(wanted) else HOME
