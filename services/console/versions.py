"""ETags: a thing's version, shown with it and asked for by `If-Match` before it is changed."""

import re
from typing import Annotated, TypeVar

from fastapi import Depends, Header
from starlette.responses import Response

from services.core.usecases.versions import Versions as Known
from services.core.usecases.versions import version_of
from services.core.views.values import View

TAG = re.compile(r'"([0-9a-f]{1,32})"')

Shown = TypeVar("Shown", bound=View)


def tagged(response: Response, view: Shown) -> Shown:
    """The view, its version in the answer's header."""
    tag(response, view)
    return view


def tag(response: Response, view: View) -> None:
    """Put the view's version into the header of an answer that is more or less than the view."""
    response.headers["etag"] = f'"{version_of(view)}"'


async def named_versions(
    if_match: Annotated[
        str | None, Header(description="The ETag that the change is meant for; without it any version is changed.")
    ] = None,
) -> Known | None:
    """The versions that the header names; the use case compares them under the row's lock. A weak tag names none."""
    if if_match is None or if_match.strip() == "*":
        return None
    tags = (TAG.fullmatch(each.strip()) for each in if_match.split(","))
    return frozenset(each[1] for each in tags if each is not None)


Versions = Annotated[Known | None, Depends(named_versions)]
