"""Plan a campaign: who will be texted what, who will not and why, what it costs and when it ends.

The plan has a hash over all of that; a start names it, so that what runs is what was approved.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.failures import Conflict
from services.core.domain.messages import MessageKind
from services.core.domain.pacing import Pacing, projected_finish
from services.core.domain.segments import PRICE_PER_SEGMENT_USD, count_segments
from services.core.domain.send_gate import Reason, frequency_ends_at
from services.core.domain.sending_window import next_allowed, next_window_opening, window_open
from services.core.domain.split import variant_of
from services.core.domain.templates import MissingFields, Template, TextTooLong, parse_template, render
from services.core.domain.zones import locate
from services.core.storage import audit, campaigns, caps, clock, outbox
from services.core.storage.campaigns import PlannedRow
from services.core.storage.database import Session
from services.core.storage.models import Campaign, Contact
from services.core.usecases.campaigns.audience import check_audience
from services.core.usecases.campaigns.state import lock_campaign
from services.core.usecases.campaigns.windows import window_of
from services.core.usecases.context import Context
from services.core.usecases.messages.gate import ACCOUNT, cap_day, number_scope_of
from services.core.usecases.versions import Versions
from services.core.views import campaigns as views


@dataclass(slots=True)
class _Tally:
    excluded: Counter[str] = field(default_factory=Counter)
    deferred: Counter[str] = field(default_factory=Counter)
    variants: Counter[str] = field(default_factory=Counter)
    segments: int = 0
    last_free_at: datetime | None = None


def plan_campaign(context: Context, campaign_id: int, *, by: str, versions: Versions | None = None) -> views.Plan:
    """Make or remake the plan of a draft. Raises `NotFound`, `Conflict` once it was started, or `RefusedInput`."""
    with context.database.transaction() as session:
        campaign = lock_campaign(session, campaign_id, versions)
        if campaign.status != CampaignStatus.DRAFT:
            raise Conflict("campaign_started", f"campaign {campaign_id} is {campaign.status}: clone it to plan anew")
        check_audience(session, campaign.audience)
        at = clock.product_now(session)
        tally, digest = _Tally(), _digest(campaign)
        campaigns.drop_recipients(session, campaign_id)
        decide = _Decision(context, campaign, at)
        for contacts in campaigns.audience(session, campaign.audience):
            texted = outbox.last_marketing_of(session, [contact.id for contact in contacts])
            rows = [decide.row(contact, texted.get(contact.id), tally, digest) for contact in contacts]
            campaigns.add_recipients(session, rows)
        campaign = session.get_one(Campaign, campaign_id)
        plan = _summary(context, session, campaign, at, tally, digest.hexdigest())
        campaign.plan_hash = digest.digest()
        campaign.planned_at = at
        campaign.plan = plan.model_dump(mode="json", exclude={"campaign_id", "plan_hash"})
        campaign.version += 1
        detail = {"recipients": plan.recipients}
        audit.record(
            session, actor=by, act="campaign.planned", subject="campaign", subject_id=campaign_id, detail=detail
        )
        return plan


class _Decision:
    """Decides about each contact of one campaign at one instant."""

    def __init__(self, context: Context, campaign: Campaign, at: datetime) -> None:
        known = frozenset(campaign.audience.get("fields", ()))
        self._campaign_id = campaign.id
        self._percent_b = campaign.split_percent_b
        self._templates = {"a": parse_template(campaign.template_a, known_fields=known)}
        if campaign.template_b is not None:
            self._templates["b"] = parse_template(campaign.template_b, known_fields=known)
        is_marketing = campaign.kind == MessageKind.MARKETING
        self._window = window_of(campaign.window, context.window) if is_marketing else None
        self._frequency = context.settings.contact_frequency if is_marketing else timedelta(0)
        self._ends_at = campaign.ends_at
        self._at = at

    def row(self, contact: Contact, texted_at: datetime | None, tally: _Tally, digest: "hashlib._Hash") -> PlannedRow:
        """The contact's recipient row, counted in `tally` and part of `digest`; `texted_at` is its last marketing."""
        variant = variant_of(self._campaign_id, contact.e164, percent_b=self._percent_b)
        free_at = frequency_ends_at(texted_at, self._frequency, self._at)
        excluded = self._exclusion(contact, free_at)
        body = None
        if excluded is None:
            excluded, body = _text(contact, self._templates[variant])
        segments = count_segments(body).segments if body is not None else 0
        digest.update(f"{contact.e164}\0{variant}\0{excluded}\0{body}\0".encode())
        if excluded is None:
            tally.variants[variant] += 1
            tally.segments += segments
            if free_at is not None:
                tally.deferred[Reason.CONTACT_FREQUENCY] += 1
                tally.last_free_at = max(free_at, tally.last_free_at or free_at)
        else:
            tally.excluded[excluded.partition(":")[0]] += 1
        return (self._campaign_id, contact.id, contact.e164, variant, excluded, body, segments)

    def _exclusion(self, contact: Contact, free_at: datetime | None) -> str | None:
        if contact.opted_out_at is not None:
            return Reason.OPTED_OUT
        if contact.suppressed_reason is not None:
            return f"suppressed:{contact.suppressed_reason}"
        if contact.paused_at is not None:
            return Reason.PAUSED_FOR_REVIEW
        location = locate(e164=contact.e164, state=contact.state, timezone=contact.timezone)
        if next_allowed(location, self._window, self._at) is None:
            return Reason.NO_COMMON_HOURS
        is_too_late = free_at is not None and self._ends_at is not None and free_at >= self._ends_at
        return Reason.CONTACT_FREQUENCY if is_too_late else None


def _text(contact: Contact, template: Template) -> tuple[str | None, str | None]:
    """Why the contact can't be written to, or the text it gets."""
    try:
        rendered = render(template, _values(contact))
    except TextTooLong:
        return "text_too_long", None
    if isinstance(rendered, MissingFields):
        return f"missing_fields:{','.join(rendered.names)}", None
    return None, rendered.text


def _values(contact: Contact) -> dict[str, str]:
    names = ("first_name", "last_name", "city", "state", "zip", "external_id")
    own = {name: value for name in names if (value := getattr(contact, name)) is not None}
    return {**contact.fields, **own}


def _digest(campaign: Campaign) -> "hashlib._Hash":
    terms = (
        campaign.kind,
        campaign.sender,
        campaign.sender_phone_number_id,
        campaign.template_a,
        campaign.template_b,
        campaign.window,
        campaign.daily_cap,
        campaign.batch_size,
        campaign.batch_every,
        campaign.ends_at,
    )
    return hashlib.sha256(repr(terms).encode())


def _summary(
    context: Context, session: Session, campaign: Campaign, at: datetime, tally: _Tally, plan_hash: str
) -> views.Plan:
    count = sum(tally.variants.values())
    return views.Plan(
        campaign_id=campaign.id,
        plan_hash=plan_hash,
        recipients=count,
        excluded=dict(tally.excluded),
        deferred=dict(tally.deferred),
        variants=dict(tally.variants),
        segments=tally.segments,
        cost_usd=PRICE_PER_SEGMENT_USD * tally.segments,
        finish_at=_finish(context, session, campaign, at, tally) if count else None,
    )


def _finish(context: Context, session: Session, campaign: Campaign, at: datetime, tally: _Tally) -> datetime | None:
    """When the last text will have left under the window, the rate, whichever daily cap is the tightest, and the time
    between two texts to one person.
    """
    caps_on_it = [(ACCOUNT, context.settings.account_daily_cap)]
    if campaign.kind == MessageKind.MARKETING:
        caps_on_it.append((number_scope_of(campaign.sender_phone_number_id), context.settings.number_daily_cap))
    day = cap_day(context, at)
    left_today = min(limit - caps.used(session, scope, day) for scope, limit in caps_on_it)
    own = pacing_of(campaign)
    daily_cap = min(own.daily_cap, *(limit for _, limit in caps_on_it))
    window = window_of(campaign.window, context.window)
    finish_at = projected_finish(
        count=sum(tally.variants.values()),
        pacing=Pacing(batch_size=own.batch_size, every=own.every, daily_cap=daily_cap),
        window=window,
        at=at,
        per_second=context.settings.provider_rate,
        already_today=max(0, daily_cap - left_today),
    )
    if finish_at is None or tally.last_free_at is None:
        return finish_at
    is_open = window_open(window, tally.last_free_at)
    return max(finish_at, tally.last_free_at if is_open else next_window_opening(window, tally.last_free_at))


def pacing_of(campaign: Campaign) -> Pacing:
    """How a campaign's day is spread."""
    return Pacing(batch_size=campaign.batch_size, every=campaign.batch_every, daily_cap=campaign.daily_cap)
