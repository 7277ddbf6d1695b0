"""What is changed in campaigns: drafts are edited and deleted, texts previewed, the pace of started ones changed."""

from fastapi import Response

from services.console.dependencies import By, InContext, requires
from services.console.endpoints import PathId, api_router, refusal, verb
from services.console.versions import Versions, tagged
from services.core.domain.access import Role
from services.core.usecases.campaigns import change, delete, edit, preview
from services.core.views import campaigns as views

router = api_router()


@router.patch(
    "/campaigns/{campaign_id:id}", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("campaigns edit")
)
def edit_campaign(
    context: InContext, by: By, campaign_id: PathId, said: views.EditCampaign, response: Response, versions: Versions
) -> views.Campaign:
    """Write what is named into a draft; a plan that speaks of it is forgotten."""
    return tagged(response, edit.edit_campaign(context, campaign_id, said, by=by, versions=versions))


@router.delete(
    "/campaigns/{campaign_id:id}", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("campaigns delete")
)
def delete_campaign(context: InContext, by: By, campaign_id: PathId, versions: Versions) -> views.Campaign:
    """Take a draft and its plan away; answers what it was."""
    return delete.delete_campaign(context, campaign_id, by=by, versions=versions)


@router.post(
    "/campaigns/{campaign_id:id}/change", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("campaigns change")
)
def change_campaign(
    context: InContext,
    by: By,
    campaign_id: PathId,
    wanted: views.ChangeCampaign,
    response: Response,
    versions: Versions,
) -> views.CampaignChange:
    """Show what another cap, window or end does to a started campaign; with the hash of what was shown, make it."""
    return tagged(response, change.change_campaign(context, campaign_id, wanted, by=by, versions=versions))


@router.post(
    "/campaigns/preview",
    responses={404: refusal(404)},
    dependencies=[requires(Role.OPERATOR)],
    openapi_extra=verb("campaigns preview"),
)
def preview_campaign(context: InContext, wanted: views.PreviewCampaign) -> views.Preview:
    """Three people's texts as they would be sent now, and the first person who gets none; nothing is stored."""
    return preview.preview_campaign(context, wanted)
