"""What came of a campaign: its results, each recipient's end, all of them as a file, and another try."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from services.console.cursors import page_of
from services.console.endpoints import By, CsvAnswer, Endpoint, PathId, Work
from services.console.shapes import results as shapes
from services.console.shapes.campaigns import Campaign
from services.console.shapes.values import Page
from services.console.versions import tagged
from services.core.domain.access import Role
from services.core.usecases.campaigns import clone as clone_campaign
from services.core.usecases.campaigns import results as campaign_results
from services.core.usecases.campaigns.campaign_verbs import CampaignView
from services.core.usecases.campaigns.results import CampaignResults


def show_results(work: Work, campaign_id: PathId) -> CampaignResults:
    """States, replies, opt-outs, time to reply; two texts are compared, once there is enough data."""
    return campaign_results.campaign_results(work, campaign_id)


def list_recipients(
    work: Work, request: Request, campaign_id: PathId, query: Annotated[shapes.RecipientsQuery, Query()]
) -> dict[str, Any]:
    """Who is texted, who is not and why, and how each text ended."""
    return page_of(
        request,
        query,
        lambda after, limit: campaign_results.list_recipients(
            work, campaign_id, excluded_only=query.excluded, deferred_only=query.deferred, after=after, limit=limit
        ),
    )


def export_recipients(work: Work, by: By, campaign_id: PathId) -> CsvAnswer:
    """All recipients with their ends as CSV, in which no spreadsheet finds a formula; who took it is recorded."""
    headers = {"content-disposition": f'attachment; filename="campaign-{campaign_id}.csv"'}
    return CsvAnswer(campaign_results.export_recipients(work, campaign_id, by=by), headers=headers)


def make_clone(
    work: Work, by: By, campaign_id: PathId, clone: shapes.CloneCampaign, response: Response
) -> CampaignView:
    """Make a new draft with the same texts, audience and pacing; it is planned and started like any other."""
    cloned = clone_campaign.clone_campaign(work, campaign_id, name=clone.name, only_failed=clone.only_failed, by=by)
    return tagged(response, cloned)


ENDPOINTS = (
    Endpoint(
        verb="campaigns results",
        method="GET",
        path="/campaigns/{campaign_id:id}/results",
        role=Role.VIEWER,
        handler=show_results,
        answer=shapes.Results,
    ),
    Endpoint(
        verb="campaigns recipients",
        method="GET",
        path="/campaigns/{campaign_id:id}/recipients",
        role=Role.VIEWER,
        handler=list_recipients,
        answer=Page[shapes.Recipient],
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
        answer=Campaign,
        status=201,
    ),
)
