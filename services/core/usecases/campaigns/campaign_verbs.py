"""What an operator does with a campaign: create, start, pause, resume, cancel. Each act and its audit row are one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from services.core.domain.campaigns import CampaignStatus, CampaignTransitionRefused, step_to
from services.core.domain.contacts_csv.names import own_field
from services.core.domain.failures import Conflict, NotFound, RefusedInput
from services.core.domain.messages import MessageKind
from services.core.domain.pacing import Pacing
from services.core.domain.templates import KNOWN_FIELDS, TemplateInvalid, check_marketing_text, parse_template
from services.core.runtime import failpoints, tracing
from services.core.storage import audit, campaigns, clock, messages
from services.core.storage.database import Session
from services.core.storage.models import Campaign
from services.core.storage.unique import unless_taken
from services.core.usecases.campaigns.audience import check_audience
from services.core.usecases.campaigns.proceed import make_next, skip_next
from services.core.usecases.campaigns.queue_today import queue_today
from services.core.usecases.campaigns.windows import window_of
from services.core.usecases.context import Context
from services.core.usecases.versions import Versions, lock_campaign

NAME_AT_MOST = 200
DEFAULTS = Pacing()
TRACES_LINKED = 100
"""A start points to the traces of so many of its messages; all of them point to the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCampaign:
    """What a campaign is made of; `fields` are its audience's own.

    `audience` is {"import": id}, {"all": true} or {"failed_of": id of a campaign}.
    """

    name: str
    template_a: str
    audience: Mapping[str, Any]
    kind: str = MessageKind.MARKETING
    template_b: str | None = None
    split_percent_b: int = 0
    window: Mapping[str, Any] | None = None
    daily_cap: int = DEFAULTS.daily_cap
    batch_size: int = DEFAULTS.batch_size
    batch_every: timedelta = DEFAULTS.every
    ids_per_task: int = 10
    ends_at: datetime | None = None
    fields: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign with its messages counted by state."""

    campaign_id: int
    name: str
    kind: str
    status: str
    version: int
    plan_hash: str | None
    plan: dict[str, Any] | None
    messages: dict[str, int]
    started_at: datetime | None
    finished_at: datetime | None


def create(context: Context, new: NewCampaign, *, by: str) -> CampaignView:
    """Make a draft. Raises `RefusedInput` naming the field, or `Conflict` for a name that is taken.

    An import is an audience once it is confirmed: everybody whom it accepted, or merged into somebody known.
    """
    new = replace(new, fields=frozenset(own_field(name, pointer="/fields") for name in new.fields - KNOWN_FIELDS))
    _check(context, new)
    with context.database.transaction() as session:
        check_audience(session, new.audience)
        campaign = Campaign(
            name=new.name,
            kind=MessageKind(new.kind),
            template_a=new.template_a,
            template_b=new.template_b,
            split_percent_b=new.split_percent_b,
            audience={**new.audience, "fields": sorted(new.fields)},
            sender=context.settings.provider_phone_number,
            sender_phone_number_id=context.settings.provider_phone_number_id,
            window=dict(new.window) if new.window is not None else None,
            daily_cap=new.daily_cap,
            batch_size=new.batch_size,
            batch_every=new.batch_every,
            ids_per_task=new.ids_per_task,
            ends_at=new.ends_at,
            created_by=by,
            traceparent=tracing.traceparent(),
        )
        taken = Conflict("name_taken", "a campaign has this name already: choose another", pointer="/name")
        with unless_taken(session, taken):
            session.add(campaign)
        audit.record(session, actor=by, act="campaign.created", subject="campaign", subject_id=campaign.id)
        return view(session, campaign)


def start(
    context: Context, campaign_id: int, *, plan_hash: str, by: str, versions: Versions | None = None
) -> CampaignView:
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
            return view(session, campaign)
        at = clock.product_now(session)
        _step(campaign, CampaignStatus.RUNNING)
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
        return view(session, campaign)


def pause(context: Context, campaign_id: int, *, by: str, versions: Versions | None = None) -> CampaignView:
    """Submit nothing more of the campaign; what is on its way to the provider still ends."""
    with context.database.transaction() as session:
        campaign = lock_campaign(session, campaign_id, versions)
        if _step(campaign, CampaignStatus.PAUSED):
            audit.record(session, actor=by, act="campaign.paused", subject="campaign", subject_id=campaign_id)
        return view(session, campaign)


def resume(context: Context, campaign_id: int, *, by: str, versions: Versions | None = None) -> CampaignView:
    """Go on with a paused campaign, under today's window and caps."""
    with context.database.transaction() as session:
        campaign = lock_campaign(session, campaign_id, versions)
        if campaign.status == CampaignStatus.DRAFT:
            raise Conflict("not_started", f"campaign {campaign_id} is a draft: plan and start it")
        if _step(campaign, CampaignStatus.RUNNING):
            queue_today(context, session, campaign)
            audit.record(session, actor=by, act="campaign.resumed", subject="campaign", subject_id=campaign_id)
        return view(session, campaign)


def cancel(context: Context, campaign_id: int, *, by: str, versions: Versions | None = None) -> CampaignView:
    """End the campaign; its pending messages are skipped, what was submitted ends as it ends."""
    with context.database.transaction() as session:
        campaign = lock_campaign(session, campaign_id, versions)
        if _step(campaign, CampaignStatus.CANCELLED):
            campaign.finished_at = clock.product_now(session)
            skipped = skip_next(session, campaign_id)
            audit.record(
                session,
                actor=by,
                act="campaign.cancelled",
                subject="campaign",
                subject_id=campaign_id,
                detail={"skipped": skipped},
            )
        return view(session, campaign)


def show(context: Context, key: str) -> CampaignView:
    """A campaign by id or name. Raises `NotFound`."""
    with context.database.reading() as session:
        campaign = campaigns.find(session, key)
        if campaign is None:
            raise NotFound("campaign", key)
        return view(session, campaign)


def view(session: Session, campaign: Campaign) -> CampaignView:
    return CampaignView(
        campaign_id=campaign.id,
        name=campaign.name,
        kind=campaign.kind,
        status=campaign.status,
        version=campaign.version,
        plan_hash=campaign.plan_hash.hex() if campaign.plan_hash else None,
        plan=campaign.plan,
        messages=messages.counts(session, campaign.id),
        started_at=campaign.started_at,
        finished_at=campaign.finished_at,
    )


def _trace_start(session: Session, campaign: Campaign) -> None:
    """Link this act with those that led to it, from creation to plan, and make it the one that began the messages."""
    earlier = audit.entries(session, subject="campaign", subject_id=campaign.id)
    tracing.link(*(entry.traceparent for entry in earlier))
    campaign.traceparent = tracing.traceparent() or campaign.traceparent


def _step(campaign: Campaign, after: CampaignStatus) -> bool:
    try:
        changes = step_to(CampaignStatus(campaign.status), after)
    except CampaignTransitionRefused as refused:
        raise Conflict("campaign_state", str(refused)) from refused
    if changes:
        campaign.status = after
        campaign.version += 1
    return changes


def _check(context: Context, new: NewCampaign) -> None:
    if not new.name.strip() or len(new.name) > NAME_AT_MOST:
        raise RefusedInput("name_invalid", f"a name has 1 to {NAME_AT_MOST} characters", pointer="/name")
    if new.name.isdecimal():
        raise RefusedInput("name_invalid", "a name of digits alone would be taken for an id", pointer="/name")
    if new.kind not in tuple(MessageKind):
        raise RefusedInput("kind_unknown", "kind is marketing or transactional", pointer="/kind")
    if set(new.audience) - {"fields"} not in ({"import"}, {"all"}, {"failed_of"}):
        raise RefusedInput("audience_unknown", 'audience is {"import": id} or {"all": true}', pointer="/audience")
    if (new.template_b is None) != (new.split_percent_b == 0) or not 0 <= new.split_percent_b <= 100:
        raise RefusedInput(
            "split_invalid", "a second template and a split of 1 to 100 percent go together", pointer="/split_percent_b"
        )
    if min(new.daily_cap, new.batch_size) < 1 or new.batch_every <= timedelta(0):
        raise RefusedInput("pacing_invalid", "daily cap, batch size and interval are above zero", pointer="/daily_cap")
    if not 1 <= new.ids_per_task <= 50:
        raise RefusedInput("ids_per_task_invalid", "1 to 50 messages go in a task", pointer="/ids_per_task")
    window_of(new.window, context.window)
    for name, template in (("template_a", new.template_a), ("template_b", new.template_b)):
        if template is not None:
            _check_template(name, template, new)


def _check_template(name: str, template: str, new: NewCampaign) -> None:
    try:
        parse_template(template, known_fields=new.fields)
    except TemplateInvalid as error:
        raise RefusedInput(error.code, str(error), pointer=f"/{name}") from error
    if new.kind == MessageKind.MARKETING:
        for finding in check_marketing_text(template, first_message=True):
            raise RefusedInput(finding.code, f"{finding.message} (at character {finding.position})", pointer=f"/{name}")
