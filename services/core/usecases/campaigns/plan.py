"""Plan a campaign: who will be texted what, who will not and why, what it costs and when it ends.

The plan has a hash over all of that; a start names it, so that what runs is what was approved.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.failures import Conflict
from services.core.domain.plans import PlanHash, PlanSums
from services.core.domain.segments import PRICE_PER_SEGMENT_USD
from services.core.domain.send_gate import Reason
from services.core.storage import audit, campaigns, clock, outbox
from services.core.storage.campaigns import PlannedRow
from services.core.storage.database import Session
from services.core.storage.models import Campaign, Contact
from services.core.usecases.campaigns.audience import check_audience
from services.core.usecases.campaigns.decide import Decided, Decisions
from services.core.usecases.campaigns.forecast import Forecast, pace_of
from services.core.usecases.campaigns.state import lock_campaign, unstop
from services.core.usecases.context import Context
from services.core.usecases.versions import Versions
from services.core.views import campaigns as views


@dataclass(slots=True)
class _Tally:
    excluded: Counter[str] = field(default_factory=Counter)
    deferred: Counter[str] = field(default_factory=Counter)
    variants: Counter[str] = field(default_factory=Counter)
    segments: int = 0
    last_free_at: datetime | None = None

    def count(self, found: Iterable[tuple[Contact, Decided]], plan_hash: PlanHash) -> None:
        """Count what was decided about people, and make it part of the plan's hash."""
        for contact, decided in found:
            plan_hash.add(contact.e164, variant=decided.variant, excluded=decided.excluded, body=decided.body)
            if decided.excluded is not None:
                self.excluded[decided.excluded.code] += 1
                continue
            self.variants[decided.variant] += 1
            self.segments += decided.segments
            if decided.free_at is not None:
                self.deferred[Reason.CONTACT_FREQUENCY] += 1
                self.last_free_at = max(decided.free_at, self.last_free_at or decided.free_at)


def plan_campaign(context: Context, campaign_id: int, *, by: str, versions: Versions | None = None) -> views.Plan:
    """Make or remake the plan of a draft. Raises `NotFound`, `Conflict` once it was started, or `RefusedInput`."""
    with context.database.transaction() as session:
        campaign = lock_campaign(session, campaign_id, versions)
        if campaign.status != CampaignStatus.DRAFT:
            remedy = "pause it" if campaign.status == CampaignStatus.SCHEDULED else "clone it"
            raise Conflict("campaign_started", f"campaign {campaign_id} is {campaign.status}: {remedy} to plan anew")
        check_audience(session, campaign.audience)
        unstop(campaign)
        plan = make_plan(context, session, campaign, clock.product_now(session))
        detail = {"recipients": plan.recipients}
        audit.record(
            session, actor=by, act="campaign.planned", subject="campaign", subject_id=campaign_id, detail=detail
        )
        return plan


def make_plan(context: Context, session: Session, campaign: Campaign, at: datetime) -> views.Plan:
    """Write the plan of the campaign, which is locked, in place of an earlier one."""
    campaign_id = campaign.id
    session.flush()
    tally, plan_hash = _Tally(), PlanHash(*_terms(campaign))
    campaigns.drop_recipients(session, campaign_id)
    decisions = Decisions(context, campaign, at)
    for contacts in campaigns.audience(session, campaign.audience):
        texted = outbox.last_marketing_of(session, [contact.id for contact in contacts])
        found = [(contact, decisions.of(contact, texted.get(contact.id))) for contact in contacts]
        tally.count(found, plan_hash)
        campaigns.add_recipients(session, [_row(campaign_id, contact, decided) for contact, decided in found])
    campaign = session.get_one(Campaign, campaign_id)
    campaign.plan_hash = plan_hash.digest()
    campaign.planned_at = at
    campaign.plan = plan = _sums(context, session, campaign, at, tally)
    campaign.version += 1
    return views.Plan.of(plan, campaign_id=campaign_id, plan_hash=plan_hash.hexdigest())


def _row(campaign_id: int, contact: Contact, decided: Decided) -> PlannedRow:
    excluded = str(decided.excluded) if decided.excluded is not None else None
    return (campaign_id, contact.id, contact.e164, decided.variant, excluded, decided.body, decided.segments)


def _terms(campaign: Campaign) -> tuple[object, ...]:
    """What is approved with a plan beside its recipients; the window as the row keeps it, whoever wrote it."""
    return (
        campaign.kind,
        campaign.sender,
        campaign.sender_phone_number_id,
        campaign.template_a,
        campaign.template_b,
        campaign.window_json,
        campaign.daily_cap,
        campaign.batch_size,
        campaign.batch_every,
        campaign.ends_at,
    )


def _sums(context: Context, session: Session, campaign: Campaign, at: datetime, tally: _Tally) -> PlanSums:
    count = sum(tally.variants.values())
    return PlanSums(
        recipients=count,
        excluded=dict(tally.excluded),
        deferred=dict(tally.deferred),
        variants=dict(tally.variants),
        segments=tally.segments,
        cost_usd=PRICE_PER_SEGMENT_USD * tally.segments,
        finish_at=_finish(context, session, campaign, at, tally, count) if count else None,
    )


def _finish(
    context: Context, session: Session, campaign: Campaign, at: datetime, tally: _Tally, count: int
) -> datetime | None:
    forecast = Forecast(context, session, campaign, pace_of(context, campaign), at)
    return forecast.finish_at(count, last_free_at=tally.last_free_at)
