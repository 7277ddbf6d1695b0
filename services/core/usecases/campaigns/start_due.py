"""Start a scheduled campaign whose time has come: its plan is checked again; beyond a bound it waits for a person."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

import structlog

from services.core.domain.campaigns import CampaignStatus, StopReason
from services.core.domain.drift import Drift
from services.core.domain.failures import RefusedInput
from services.core.domain.templates import TemplateInvalid
from services.core.storage import audit, campaigns, clock, outbox
from services.core.storage.database import Session
from services.core.storage.models import Campaign
from services.core.usecases.campaigns.audience import check_audience
from services.core.usecases.campaigns.decide import Decisions
from services.core.usecases.campaigns.plan import make_plan
from services.core.usecases.campaigns.start import begin
from services.core.usecases.campaigns.state import stop
from services.core.usecases.context import Context

BY = "schedule"
log = structlog.get_logger()


def start_due_campaign(context: Context, campaign_id: int) -> None:
    """Start the campaign if it is scheduled and due; otherwise nothing is done, so that a repetition is harmless.

    Where the texts of today are within the bound of those that were approved, those of today are sent. Beyond it, with
    nobody left, or where the audience is gone or the end has passed, it is a draft again and says why.
    """
    with context.database.transaction() as session:
        campaign = campaigns.lock(session, campaign_id)
        at = clock.product_now(session)
        if campaign is None or campaign.status != CampaignStatus.SCHEDULED or (campaign.starts_at or at) > at:
            return
        if campaign.ends_at is not None and at >= campaign.ends_at:
            _wait(session, campaign, StopReason.END_PASSED, {"ends_at": campaign.ends_at.isoformat()}, at)
            return
        try:
            check_audience(session, campaign.audience)
            drift = drift_of(context, session, campaign, at)
        except (RefusedInput, TemplateInvalid) as refused:
            _wait(session, campaign, StopReason.PLAN_REFUSED, {"code": refused.code}, at)
            return
        if drift.count:
            make_plan(context, session, session.get_one(Campaign, campaign_id), at)
        campaign = session.get_one(Campaign, campaign_id)
        found = asdict(drift)
        if drift.is_within(context.settings.scheduled_start_drift):
            begin(context, session, campaign, at, by=BY, drift=found)
        else:
            campaign.drift = found
            _wait(session, campaign, StopReason.PLAN_DRIFTED, found, at)


def drift_of(context: Context, session: Session, campaign: Campaign, at: datetime) -> Drift:
    """Compare what each person of the audience would get at `at` with the plan; the campaign's row is let go of."""
    campaign_id, decisions = campaign.id, Decisions(context, campaign, at)
    approved = campaigns.planned(session, campaign_id)
    still, added, changed = 0, 0, 0
    for people in campaigns.audience(session, campaign.audience):
        texted = outbox.last_marketing_of(session, [contact.id for contact in people])
        known = campaigns.planned_texts(session, campaign_id, [contact.e164 for contact in people])
        for contact in people:
            body = decisions.of(contact, texted.get(contact.id)).body
            if body is None:
                continue
            before = known.get(contact.e164)
            still += before is not None
            added += before is None
            changed += before is not None and before != body
    return Drift(approved, added, removed=approved - still, changed=changed)


def _wait(session: Session, campaign: Campaign, reason: StopReason, detail: Mapping[str, object], at: datetime) -> None:
    stop(campaign, CampaignStatus.DRAFT, reason, dict(detail), at)
    campaign.starts_at = None
    audit.record(
        session,
        actor=BY,
        act="campaign.not_started",
        subject="campaign",
        subject_id=campaign.id,
        detail={"reason": reason, **detail},
    )
    log.warning("campaign.not_started", campaign_id=campaign.id, reason=reason)
