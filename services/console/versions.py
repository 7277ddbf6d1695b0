"""ETags: a campaign's version, shown with it and asked for by `If-Match` before it is changed."""

from typing import Annotated

from fastapi import Header
from starlette.responses import Response

from services.core.domain.failures import RefusedInput
from services.core.usecases.campaign_verbs import CampaignView, show
from services.core.usecases.context import Context

IfMatch = Annotated[
    str | None, Header(description="The ETag that the change is meant for; without it any version is changed.")
]


def etag(version: int) -> str:
    return f'"{version}"'


def tagged(response: Response, campaign: CampaignView) -> CampaignView:
    """The campaign, its version in the answer's header."""
    response.headers["etag"] = etag(campaign.version)
    return campaign


def check_version(context: Context, campaign_id: int, if_match: str | None) -> None:
    """Raise `RefusedInput` (412) when the campaign is another one than the client has seen."""
    if if_match is None or if_match.strip() == "*":
        return
    current = etag(show(context, str(campaign_id)).version)
    if current not in (tag.strip() for tag in if_match.split(",")):
        detail = "the campaign was changed in between: read it again and decide anew"
        raise RefusedInput("version_stale", detail, status=412)
