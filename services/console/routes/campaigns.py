"""Campaigns: made, planned, started by the plan's hash, paused, resumed, cancelled; what came of them."""

from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import Field

from services.console.cursors import page_of
from services.console.dependencies import By, InContext, requires
from services.console.endpoints import CsvAnswer, PathId, api_router, verb
from services.console.shapes import ListQuery, Page, PageQuery
from services.console.versions import Versions, tagged
from services.core.domain.access import Role
from services.core.domain.campaigns import RecipientState
from services.core.usecases.campaigns import cancel, clone, create, find, pause, plan, results, resume, start
from services.core.views import campaigns as views

router = api_router()


class RecipientsQuery(PageQuery):
    state: RecipientState | None = Field(default=None, description="only those in this state")
    reason: str | None = Field(
        default=None, min_length=1, max_length=200, description="only those with this reason, whole or before its colon"
    )
    excluded: bool = Field(default=False, description="true: only those who get nothing")
    deferred: bool = Field(default=False, description="true: only those who wait, texted too short a while ago")


@router.get("/campaigns", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("campaigns list"))
def list_campaigns(
    context: InContext, request: Request, query: Annotated[ListQuery, Query()]
) -> Page[views.CampaignSummary]:
    """Campaigns, oldest first unless told otherwise."""
    return page_of(
        request,
        query,
        lambda after, limit: find.list_campaigns(context, after=after, limit=limit, newest_first=query.newest_first),
    )


@router.post(
    "/campaigns", status_code=201, dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("campaigns create")
)
def create_campaign(context: InContext, by: By, new: views.NewCampaign, response: Response) -> views.Campaign:
    """Make a draft."""
    created = create.create_campaign(context, new, by=by)
    return tagged(response, created)


@router.get("/campaigns/{campaign_id:id}", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("campaigns show"))
def show_campaign(context: InContext, campaign_id: PathId, response: Response) -> views.Campaign:
    """One campaign, its plan and its messages counted by state."""
    return tagged(response, find.show_campaign(context, str(campaign_id)))


@router.post(
    "/campaigns/{campaign_id:id}/plan", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("campaigns plan")
)
def make_plan(context: InContext, by: By, campaign_id: PathId, versions: Versions) -> views.Plan:
    """Say who would be texted what, who would not and why, what it costs and when it ends."""
    return plan.plan_campaign(context, campaign_id, by=by, versions=versions)


@router.post(
    "/campaigns/{campaign_id:id}/start", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("campaigns start")
)
def start_campaign(
    context: InContext,
    by: By,
    campaign_id: PathId,
    approved: views.StartCampaign,
    response: Response,
    versions: Versions,
) -> views.Campaign:
    """Run exactly the plan that was read, now or at a time; starting a started campaign answers its state."""
    return tagged(
        response,
        start.start_campaign(
            context, campaign_id, plan_hash=approved.plan_hash, at=approved.at, by=by, versions=versions
        ),
    )


@router.post(
    "/campaigns/{campaign_id:id}/pause", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("campaigns pause")
)
def pause_campaign(
    context: InContext, by: By, campaign_id: PathId, response: Response, versions: Versions
) -> views.Campaign:
    """Submit nothing more; what is on its way to the provider still ends."""
    return tagged(response, pause.pause_campaign(context, campaign_id, by=by, versions=versions))


@router.post(
    "/campaigns/{campaign_id:id}/resume", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("campaigns resume")
)
def resume_campaign(
    context: InContext, by: By, campaign_id: PathId, response: Response, versions: Versions
) -> views.Campaign:
    """Go on with a paused campaign, under today's window and caps."""
    return tagged(response, resume.resume_campaign(context, campaign_id, by=by, versions=versions))


@router.post(
    "/campaigns/{campaign_id:id}/cancel", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("campaigns cancel")
)
def cancel_campaign(
    context: InContext, by: By, campaign_id: PathId, response: Response, versions: Versions
) -> views.Campaign:
    """End the campaign; its pending messages are skipped."""
    return tagged(response, cancel.cancel_campaign(context, campaign_id, by=by, versions=versions))


@router.get(
    "/campaigns/{campaign_id:id}/results", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("campaigns results")
)
def show_results(context: InContext, campaign_id: PathId) -> views.Results:
    """States, replies, opt-outs, time to reply; two texts are compared, once there is enough data."""
    return results.campaign_results(context, campaign_id)


@router.get(
    "/campaigns/{campaign_id:id}/recipients",
    dependencies=[requires(Role.VIEWER)],
    openapi_extra=verb("campaigns recipients"),
)
def list_recipients(
    context: InContext, request: Request, campaign_id: PathId, query: Annotated[RecipientsQuery, Query()]
) -> Page[views.Recipient]:
    """Who is texted, who is not and why, and how each text ended."""
    return page_of(
        request,
        query,
        lambda after, limit: results.list_recipients(
            context,
            campaign_id,
            state=query.state,
            reason=query.reason,
            excluded_only=query.excluded,
            deferred_only=query.deferred,
            after=after,
            limit=limit,
        ),
    )


@router.get(
    "/campaigns/{campaign_id:id}/export",
    response_class=CsvAnswer,
    dependencies=[requires(Role.OPERATOR)],
    openapi_extra=verb("campaigns export"),
)
def export_recipients(context: InContext, by: By, campaign_id: PathId) -> CsvAnswer:
    """All recipients with their ends as CSV, in which no spreadsheet finds a formula; who took it is recorded."""
    headers = {"content-disposition": f'attachment; filename="campaign-{campaign_id}.csv"'}
    return CsvAnswer(results.export_recipients(context, campaign_id, by=by), headers=headers)


@router.post(
    "/campaigns/{campaign_id:id}/clone",
    status_code=201,
    dependencies=[requires(Role.OPERATOR)],
    openapi_extra=verb("campaigns clone"),
)
def make_clone(
    context: InContext, by: By, campaign_id: PathId, wanted: views.CloneCampaign, response: Response
) -> views.Campaign:
    """Make a new draft with the same texts, audience and pacing; it is planned and started like any other."""
    cloned = clone.clone_campaign(context, campaign_id, name=wanted.name, only_failed=wanted.only_failed, by=by)
    return tagged(response, cloned)
