"""Campaigns: made, planned, started by the plan's hash, paused, resumed, cancelled; what came of them."""

from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import Field

from services.console.cursors import page_of
from services.console.endpoints import By, CsvAnswer, Endpoint, InContext, PathId
from services.console.shapes import Page, PageQuery
from services.console.versions import Versions, tagged
from services.core.domain.access import Role
from services.core.usecases.campaigns import cancel, clone, create, find, pause, plan, results, resume, start
from services.core.views import campaigns as views


class RecipientsQuery(PageQuery):
    excluded: bool = Field(default=False, description="true: only those who get nothing")
    deferred: bool = Field(default=False, description="true: only those who wait, texted too short a while ago")


def list_campaigns(context: InContext, request: Request, query: Annotated[PageQuery, Query()]) -> dict[str, Any]:
    """Campaigns, oldest first."""
    return page_of(request, query, lambda after, limit: find.list_campaigns(context, after=after, limit=limit))


def create_campaign(context: InContext, by: By, new: views.NewCampaign, response: Response) -> views.Campaign:
    """Make a draft."""
    created = create.create_campaign(context, new, by=by)
    return tagged(response, created)


def show_campaign(context: InContext, campaign_id: PathId, response: Response) -> views.Campaign:
    """One campaign, its plan and its messages counted by state."""
    return tagged(response, find.show_campaign(context, str(campaign_id)))


def make_plan(context: InContext, by: By, campaign_id: PathId, versions: Versions) -> views.Plan:
    """Say who would be texted what, who would not and why, what it costs and when it ends."""
    return plan.plan_campaign(context, campaign_id, by=by, versions=versions)


def start_campaign(
    context: InContext,
    by: By,
    campaign_id: PathId,
    approved: views.StartCampaign,
    response: Response,
    versions: Versions,
) -> views.Campaign:
    """Run exactly the plan that was read; starting a started campaign answers its state."""
    return tagged(
        response, start.start_campaign(context, campaign_id, plan_hash=approved.plan_hash, by=by, versions=versions)
    )


def pause_campaign(
    context: InContext, by: By, campaign_id: PathId, response: Response, versions: Versions
) -> views.Campaign:
    """Submit nothing more; what is on its way to the provider still ends."""
    return tagged(response, pause.pause_campaign(context, campaign_id, by=by, versions=versions))


def resume_campaign(
    context: InContext, by: By, campaign_id: PathId, response: Response, versions: Versions
) -> views.Campaign:
    """Go on with a paused campaign, under today's window and caps."""
    return tagged(response, resume.resume_campaign(context, campaign_id, by=by, versions=versions))


def cancel_campaign(
    context: InContext, by: By, campaign_id: PathId, response: Response, versions: Versions
) -> views.Campaign:
    """End the campaign; its pending messages are skipped."""
    return tagged(response, cancel.cancel_campaign(context, campaign_id, by=by, versions=versions))


def show_results(context: InContext, campaign_id: PathId) -> views.Results:
    """States, replies, opt-outs, time to reply; two texts are compared, once there is enough data."""
    return results.campaign_results(context, campaign_id)


def list_recipients(
    context: InContext, request: Request, campaign_id: PathId, query: Annotated[RecipientsQuery, Query()]
) -> dict[str, Any]:
    """Who is texted, who is not and why, and how each text ended."""
    return page_of(
        request,
        query,
        lambda after, limit: results.list_recipients(
            context, campaign_id, excluded_only=query.excluded, deferred_only=query.deferred, after=after, limit=limit
        ),
    )


def export_recipients(context: InContext, by: By, campaign_id: PathId) -> CsvAnswer:
    """All recipients with their ends as CSV, in which no spreadsheet finds a formula; who took it is recorded."""
    headers = {"content-disposition": f'attachment; filename="campaign-{campaign_id}.csv"'}
    return CsvAnswer(results.export_recipients(context, campaign_id, by=by), headers=headers)


def make_clone(
    context: InContext, by: By, campaign_id: PathId, wanted: views.CloneCampaign, response: Response
) -> views.Campaign:
    """Make a new draft with the same texts, audience and pacing; it is planned and started like any other."""
    cloned = clone.clone_campaign(context, campaign_id, name=wanted.name, only_failed=wanted.only_failed, by=by)
    return tagged(response, cloned)


ENDPOINTS = (
    Endpoint(
        verb="campaigns list",
        method="GET",
        path="/campaigns",
        role=Role.VIEWER,
        handler=list_campaigns,
        answer=Page[views.CampaignSummary],
    ),
    Endpoint(
        verb="campaigns create",
        method="POST",
        path="/campaigns",
        role=Role.OPERATOR,
        handler=create_campaign,
        answer=views.Campaign,
        status=201,
    ),
    Endpoint(
        verb="campaigns show",
        method="GET",
        path="/campaigns/{campaign_id:id}",
        role=Role.VIEWER,
        handler=show_campaign,
        answer=views.Campaign,
    ),
    Endpoint(
        verb="campaigns plan",
        method="POST",
        path="/campaigns/{campaign_id:id}/plan",
        role=Role.OPERATOR,
        handler=make_plan,
        answer=views.Plan,
    ),
    *(
        Endpoint(
            verb=f"campaigns {verb}",
            method="POST",
            path=f"/campaigns/{{campaign_id:id}}/{verb}",
            role=Role.OPERATOR,
            handler=handler,
            answer=views.Campaign,
        )
        for verb, handler in (
            ("start", start_campaign),
            ("pause", pause_campaign),
            ("resume", resume_campaign),
            ("cancel", cancel_campaign),
        )
    ),
    Endpoint(
        verb="campaigns results",
        method="GET",
        path="/campaigns/{campaign_id:id}/results",
        role=Role.VIEWER,
        handler=show_results,
        answer=views.Results,
    ),
    Endpoint(
        verb="campaigns recipients",
        method="GET",
        path="/campaigns/{campaign_id:id}/recipients",
        role=Role.VIEWER,
        handler=list_recipients,
        answer=Page[views.Recipient],
    ),
    Endpoint(
        verb="campaigns export",
        method="GET",
        path="/campaigns/{campaign_id:id}/export",
        role=Role.OPERATOR,
        handler=export_recipients,
        answer=None,
        kind=CsvAnswer,
    ),
    Endpoint(
        verb="campaigns clone",
        method="POST",
        path="/campaigns/{campaign_id:id}/clone",
        role=Role.OPERATOR,
        handler=make_clone,
        answer=views.Campaign,
        status=201,
    ),
)
