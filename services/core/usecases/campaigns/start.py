"""Start a campaign: run exactly the plan that was approved."""

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.failures import Conflict
from services.core.runtime import failpoints, tracing
from services.core.storage import audit, campaigns, clock
from services.core.storage.database import Session
from services.core.storage.models import Campaign
from services.core.usecases.campaigns.proceed import make_next
from services.core.usecases.campaigns.queue_today import queue_today
from services.core.usecases.campaigns.state import lock_campaign, step, view_of
from services.core.usecases.context import Context
from services.core.usecases.versions import Versions
from services.core.views import campaigns as views

TRACES_LINKED = 100
"""A start points to the traces of so many of its messages; all of them point to the start."""


def start_campaign(
    context: Context, campaign_id: int, *, plan_hash: str, by: str, versions: Versions | None = None
) -> views.Campaign:
    """Run exactly the plan that the hash names. Starting a started campaign answers its state.

    Raises `NotFound`, or `Conflict` when the plan is another one by now.
    """
    with context.database.transaction() as session:
        campaign = lock_campaign(session, campaign_id, versions)
        if campaign.plan_hash is None or campaign.plan_hash.hex() != plan_hash:
            raise Conflict(
                "plan_changed",
                "this is not the campaign's plan: plan it again, read the plan, and start with its hash",
                pointer="/plan_hash",
            )
        if campaign.status in (CampaignStatus.RUNNING, CampaignStatus.PAUSED, CampaignStatus.FINISHED):
            return view_of(session, campaign)
        at = clock.product_now(session)
        step(campaign, CampaignStatus.RUNNING)
        campaign.started_at = at
        _trace_start(session, campaign)
        session.flush()
        make_next(context, session, campaign)
        tracing.link(*campaigns.some_traces(session, campaign_id, limit=TRACES_LINKED))
        queue_today(context, session, campaign)
        failpoints.reach("starting")
        audit.record(
            session,
            actor=by,
            act="campaign.started",
            subject="campaign",
            subject_id=campaign_id,
            detail={"plan_hash": plan_hash},
        )
        return view_of(session, campaign)


def _trace_start(session: Session, campaign: Campaign) -> None:
    """Link this act with those that led to it, from creation to plan, and make it the one that began the messages."""
    earlier = audit.entries(session, subject="campaign", subject_id=campaign.id)
    tracing.link(*(entry.traceparent for entry in earlier))
    campaign.traceparent = tracing.traceparent() or campaign.traceparent
