"""Start a campaign: run exactly the plan that was approved, now or at a time."""

from dataclasses import replace
from datetime import datetime, timedelta

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.failures import Conflict, RefusedInput
from services.core.runtime import failpoints, tracing
from services.core.storage import audit, campaigns, clock
from services.core.storage.database import Session
from services.core.storage.models import Campaign
from services.core.usecases.campaigns.forecast import Forecast, pace_of
from services.core.usecases.campaigns.proceed import make_next
from services.core.usecases.campaigns.queue_today import queue_today
from services.core.usecases.campaigns.state import lock_campaign, step, unstop, view_of
from services.core.usecases.context import Context
from services.core.usecases.versions import Versions
from services.core.views import campaigns as views

TRACES_LINKED = 100
"""A start points to the traces of so many of its messages; all of them point to the start."""

AHEAD_AT_MOST = timedelta(days=366)
STARTED = frozenset({CampaignStatus.RUNNING, CampaignStatus.PAUSED, CampaignStatus.FINISHED})


def start_campaign(
    context: Context,
    campaign_id: int,
    *,
    plan_hash: str,
    by: str,
    at: datetime | None = None,
    versions: Versions | None = None,
) -> views.Campaign:
    """Run exactly the plan that the hash names, now or at product time `at`, when it is checked once more.

    Starting a started campaign answers its state; one that is scheduled starts at the new time, or now. Raises
    `NotFound`, `RefusedInput` for a time that has passed, or `Conflict` when the plan is another one by now.
    """
    with context.database.transaction() as session:
        campaign = lock_campaign(session, campaign_id, versions)
        if campaign.plan_hash is None or campaign.plan_hash.hex() != plan_hash:
            raise Conflict(
                "plan_changed",
                "this is not the campaign's plan: plan it again, read the plan, and start with its hash",
                pointer="/plan_hash",
            )
        if campaign.status in STARTED:
            return view_of(session, campaign)
        now = clock.product_now(session)
        if at is None:
            begin(context, session, campaign, now, by=by)
        else:
            _schedule(context, session, campaign, at, now=now, by=by)
        return view_of(session, campaign)


def begin(
    context: Context,
    session: Session,
    campaign: Campaign,
    at: datetime,
    *,
    by: str,
    drift: dict[str, int] | None = None,
) -> None:
    """Start the campaign, which is locked; `drift` is how far its plan was from the one that was approved."""
    step(campaign, CampaignStatus.RUNNING)
    campaign.started_at = at
    campaign.judged_since = at
    campaign.drift = drift
    unstop(campaign)
    _trace_start(session, campaign)
    session.flush()
    make_next(context, session, campaign)
    tracing.link(*campaigns.some_traces(session, campaign.id, limit=TRACES_LINKED))
    queue_today(context, session, campaign)
    failpoints.reach("starting")
    approved = {"plan_hash": (campaign.plan_hash or b"").hex()}
    audit.record(
        session,
        actor=by,
        act="campaign.started",
        subject="campaign",
        subject_id=campaign.id,
        detail=approved | ({"drift": drift} if drift is not None else {}),
    )


def _schedule(context: Context, session: Session, campaign: Campaign, at: datetime, *, now: datetime, by: str) -> None:
    _check_time(campaign, at, now)
    if campaign.status == CampaignStatus.SCHEDULED and campaign.starts_at == at:
        return
    if not step(campaign, CampaignStatus.SCHEDULED):
        campaign.version += 1
    campaign.starts_at = at
    campaign.drift = None
    unstop(campaign)
    if (planned := campaign.plan) is not None:
        forecast = Forecast(context, session, campaign, pace_of(context, campaign), at)
        campaign.plan = replace(planned, finish_at=forecast.finish_at(planned.recipients))
    audit.record(
        session,
        actor=by,
        act="campaign.scheduled",
        subject="campaign",
        subject_id=campaign.id,
        detail={"plan_hash": (campaign.plan_hash or b"").hex(), "at": at.isoformat()},
    )


def _check_time(campaign: Campaign, at: datetime, now: datetime) -> None:
    if at <= now:
        detail = "the start has passed: name a later time, or start it now without one"
        raise RefusedInput("start_passed", detail, pointer="/at")
    if at > now + AHEAD_AT_MOST:
        raise RefusedInput(
            "start_too_far", "the start is more than a year ahead: plan it when it is near", pointer="/at"
        )
    if campaign.ends_at is not None and at >= campaign.ends_at:
        raise RefusedInput("start_after_end", "the campaign's end comes before its start: edit its end", pointer="/at")


def _trace_start(session: Session, campaign: Campaign) -> None:
    """Link this act with those that led to it, from creation to plan, and make it the one that began the messages."""
    earlier = audit.entries(session, subject="campaign", subject_id=campaign.id)
    tracing.link(*(entry.traceparent for entry in earlier))
    campaign.traceparent = tracing.traceparent() or campaign.traceparent
