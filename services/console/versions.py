"""ETags: a campaign's version, shown with it and asked for by `If-Match` before it is changed."""

import re
from typing import Annotated

from fastapi import Depends, Header
from starlette.responses import Response

from services.core.usecases.campaign_verbs import CampaignView
from services.core.usecases.campaign_versions import Versions as VersionNumbers

TAG = re.compile(r'"([1-9][0-9]{0,17})"')


def tagged(response: Response, campaign: CampaignView) -> CampaignView:
    """The campaign, its version in the answer's header."""
    response.headers["etag"] = f'"{campaign.version}"'
    return campaign


async def _versions(
    if_match: Annotated[
        str | None, Header(description="The ETag that the change is meant for; without it any version is changed.")
    ] = None,
) -> VersionNumbers | None:
    """The versions that the header names; the use case compares them under the row's lock. A weak tag names none."""
    if if_match is None or if_match.strip() == "*":
        return None
    tags = (TAG.fullmatch(tag.strip()) for tag in if_match.split(","))
    return frozenset(int(tag[1]) for tag in tags if tag is not None)


Versions = Annotated[VersionNumbers | None, Depends(_versions)]
