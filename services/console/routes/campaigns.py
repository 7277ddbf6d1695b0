"""Campaigns: made, planned, started by the plan's hash, paused, resumed, cancelled."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from services.console.cursors import page_of
from services.console.endpoints import By, Endpoint, PathId, Work
from services.console.shapes import campaigns as shapes
from services.console.shapes.values import Page, PageQuery
from services.console.versions import Versions, tagged
from services.core.domain.access import Role
from services.core.usecases import inspect_verbs
from services.core.usecases.campaigns import campaign_verbs
from services.core.usecases.campaigns.campaign_verbs import CampaignView, NewCampaign
from services.core.usecases.campaigns.plan import Plan, plan_campaign


def list_campaigns(work: Work, request: Request, query: Annotated[PageQuery, Query()]) -> dict[str, Any]:
    """Campaigns, oldest first."""
    return page_of(request, query, lambda after, limit: inspect_verbs.list_campaigns(work, after=after, limit=limit))


def create_campaign(work: Work, by: By, new: shapes.NewCampaign, response: Response) -> CampaignView:
    """Make a draft."""
    created = campaign_verbs.create(work, _wanted(new), by=by)
    return tagged(response, created)


def show_campaign(work: Work, campaign_id: PathId, response: Response) -> CampaignView:
    """One campaign, its plan and its messages counted by state."""
    return tagged(response, campaign_verbs.show(work, str(campaign_id)))


def make_plan(work: Work, by: By, campaign_id: PathId, versions: Versions) -> Plan:
    """Say who would be texted what, who would not and why, what it costs and when it ends."""
    return plan_campaign(work, campaign_id, by=by, versions=versions)


def start_campaign(
    work: Work,
    by: By,
    campaign_id: PathId,
    start: shapes.StartCampaign,
    response: Response,
    versions: Versions,
) -> CampaignView:
    """Run exactly the plan that was read; starting a started campaign answers its state."""
    return tagged(
        response, campaign_verbs.start(work, campaign_id, plan_hash=start.plan_hash, by=by, versions=versions)
    )


def pause_campaign(work: Work, by: By, campaign_id: PathId, response: Response, versions: Versions) -> CampaignView:
    """Submit nothing more; what is on its way to the provider still ends."""
    return tagged(response, campaign_verbs.pause(work, campaign_id, by=by, versions=versions))


def resume_campaign(work: Work, by: By, campaign_id: PathId, response: Response, versions: Versions) -> CampaignView:
    """Go on with a paused campaign, under today's window and caps."""
    return tagged(response, campaign_verbs.resume(work, campaign_id, by=by, versions=versions))


def cancel_campaign(work: Work, by: By, campaign_id: PathId, response: Response, versions: Versions) -> CampaignView:
    """End the campaign; its pending messages are skipped."""
    return tagged(response, campaign_verbs.cancel(work, campaign_id, by=by, versions=versions))


def _wanted(new: shapes.NewCampaign) -> NewCampaign:
    """The use case's campaign; what the client left out stays at its defaults."""
    values = new.model_dump(by_alias=True, exclude_none=True)
    return NewCampaign(**values | {"fields": frozenset(new.fields)})


ENDPOINTS = (
    Endpoint(
        verb="campaigns list",
        method="GET",
        path="/campaigns",
        role=Role.VIEWER,
        handler=list_campaigns,
        answer=Page[shapes.CampaignSummary],
    ),
    Endpoint(
        verb="campaigns create",
        method="POST",
        path="/campaigns",
        role=Role.OPERATOR,
        handler=create_campaign,
        answer=shapes.Campaign,
        status=201,
    ),
    Endpoint(
        verb="campaigns show",
        method="GET",
        path="/campaigns/{campaign_id:id}",
        role=Role.VIEWER,
        handler=show_campaign,
        answer=shapes.Campaign,
    ),
    Endpoint(
        verb="campaigns plan",
        method="POST",
        path="/campaigns/{campaign_id:id}/plan",
        role=Role.OPERATOR,
        handler=make_plan,
        answer=shapes.Plan,
    ),
    *(
        Endpoint(
            verb=f"campaigns {verb}",
            method="POST",
            path=f"/campaigns/{{campaign_id:id}}/{verb}",
            role=Role.OPERATOR,
            handler=handler,
            answer=shapes.Campaign,
        )
        for verb, handler in (
            ("start", start_campaign),
            ("pause", pause_campaign),
            ("resume", resume_campaign),
            ("cancel", cancel_campaign),
        )
    ),
)
