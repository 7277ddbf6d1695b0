"""Look without touching: contacts, opt-outs, campaigns, messages, tasks, queues and workers, as plain values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from services.core.domain.failures import NotFound
from services.core.queue.inspection import PoolLoad, WorkerState
from services.core.storage import campaigns, contacts, messages, opt_outs, work
from services.core.storage.models import Campaign, Contact, Message, OptOut, TaskRun
from services.core.usecases.contacts.person_key import is_id, person_key, read_phone
from services.core.usecases.context import Context
from services.core.usecases.operations.vitals import queued_work

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items of a list; `next` is where the following page begins, `None` on the last one."""

    items: Sequence[Item]
    next: int | None


@dataclass(frozen=True, slots=True)
class ContactView:
    contact_id: int
    e164: str
    first_name: str | None
    last_name: str | None
    city: str | None
    state: str | None
    zip: str | None
    timezone: str | None
    external_id: str | None
    fields: dict[str, Any]
    opted_out_at: datetime | None
    opted_in_at: datetime | None
    suppressed_reason: str | None
    paused_at: datetime | None
    created_at: datetime
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class OptOutView:
    opt_out_id: int
    contact_id: int
    e164: str
    source: str
    rule: str
    said_at: datetime
    recorded_at: datetime
    evidence: str | None
    lifted_at: datetime | None
    lifted_by: str | None
    lift_evidence: str | None


@dataclass(frozen=True, slots=True)
class CampaignSummary:
    campaign_id: int
    name: str
    kind: str
    status: str
    version: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class MessageView:
    message_id: int
    direction: str
    kind: str
    campaign_id: int | None
    contact_id: int | None
    e164: str
    status: str
    reason: str | None
    segments: int
    not_before: datetime | None
    submitted_at: datetime | None
    receipt_at: datetime | None
    created_at: datetime
    variant: str | None
    body: str | None
    attempts: int
    provider_message_id: str | None
    provider_error_code: str | None
    opted_out_in_flight: bool


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task as history knows it; `outcome` is empty while it runs."""

    run_id: int
    task_id: str
    task: str
    args: list[Any]
    deliveries: int
    started_at: datetime
    finished_at: datetime | None
    seconds: float | None
    outcome: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class QueueView:
    """Tasks waiting in a queue, and for how long the oldest of the rows that they are about has waited."""

    queue: str
    pool: str
    waiting: int
    oldest: timedelta | None


@dataclass(frozen=True, slots=True)
class Queues:
    queues: Sequence[QueueView]
    pools: Sequence[PoolLoad]


def find_contact(context: Context, key: str) -> ContactView:
    """A contact by id, or by number in any form. Raises `NotFound`, which never repeats a number."""
    key = person_key(context, key)
    with context.database.reading() as session:
        found = contacts.find(session, key)
        if found is None:
            raise NotFound("contact", "of that number" if key.startswith("+") else key)
        return contact_view(found)


def list_contacts(context: Context, *, after: int, limit: int) -> Page[ContactView]:
    with context.database.reading() as session:
        rows = contacts.page(session, after=after, limit=limit + 1)
        return _page(rows, limit, contact_view)


def list_opt_outs(context: Context, *, after: int, limit: int, in_force: bool = True) -> Page[OptOutView]:
    """Opt-outs in force, or with `in_force=False` the lifted ones too."""
    with context.database.reading() as session:
        rows = opt_outs.page(session, after=after, limit=limit + 1, in_force=in_force)
        return _page(rows, limit, _opt_out_view)


def list_campaigns(context: Context, *, after: int, limit: int) -> Page[CampaignSummary]:
    with context.database.reading() as session:
        return _page(campaigns.page(session, after=after, limit=limit + 1), limit, _campaign_view)


def campaign_id_of(context: Context, key: str) -> int:
    """The id of the campaign with this id or name. Raises `NotFound`."""
    with context.database.reading() as session:
        found = campaigns.find(session, key) if is_id(key) or not key.isdecimal() else None
        if found is None:
            raise NotFound("campaign", key)
        return found.id


def list_messages(
    context: Context,
    *,
    campaign_id: int | None = None,
    status: str | None = None,
    phone: str | None = None,
    after: int,
    limit: int,
) -> Page[MessageView]:
    """Messages by id, also of one person, whose `phone` is a number in any form. Raises `RefusedInput`."""
    e164 = read_phone(context, phone) if phone is not None else None
    with context.database.reading() as session:
        rows = messages.page(session, campaign_id=campaign_id, status=status, e164=e164, after=after, limit=limit + 1)
        return _page(rows, limit, _message_view)


def show_message(context: Context, message_id: int) -> MessageView:
    """Raises `NotFound`."""
    with context.database.reading() as session:
        message = messages.find(session, message_id)
        if message is None:
            raise NotFound("message", message_id)
        return _message_view(message)


def list_tasks(
    context: Context,
    *,
    name: str | None = None,
    message_id: int | None = None,
    campaign_id: int | None = None,
    before: int | None = None,
    limit: int,
) -> Page[TaskView]:
    """Task history, newest first, of one task, message or campaign; `next` is the `before` of the following page."""
    with context.database.reading() as session:
        rows = work.runs(
            session, name=name, message_id=message_id, campaign_id=campaign_id, before=before, limit=limit + 1
        )
        return _page(rows, limit, _task_view)


def read_queues(context: Context) -> Queues:
    """Depth of each queue, its oldest work, and what each pool holds. Raises `BrokerUnavailable`."""
    depths, loads = context.inspector.depths(), context.inspector.loads()
    with context.database.reading() as session:
        queued = queued_work(session)
    views = [QueueView(depth.queue, depth.pool, depth.waiting, queued[depth.queue].oldest) for depth in depths]
    return Queues(views, loads)


def list_workers(context: Context) -> Page[WorkerState]:
    """The workers that answer now, with what they run. Raises `BrokerUnavailable`."""
    return Page(context.inspector.workers(), None)


def contact_view(row: Contact) -> ContactView:
    return ContactView(
        contact_id=row.id,
        e164=row.e164,
        first_name=row.first_name,
        last_name=row.last_name,
        city=row.city,
        state=row.state,
        zip=row.zip,
        timezone=row.timezone,
        external_id=row.external_id,
        fields=row.fields,
        opted_out_at=row.opted_out_at,
        opted_in_at=row.opted_in_at,
        suppressed_reason=row.suppressed_reason,
        paused_at=row.paused_at,
        created_at=row.created_at,
        erased_at=row.erased_at,
    )


def _page(rows: Sequence[Any], limit: int, view: Callable[[Any], Item]) -> Page[Item]:
    """The first `limit` of the rows, which were read with one more to see whether there is a next page."""
    items = rows[:limit]
    return Page([view(row) for row in items], items[-1].id if len(rows) > limit else None)


def _opt_out_view(row: OptOut) -> OptOutView:
    return OptOutView(
        opt_out_id=row.id,
        contact_id=row.contact_id,
        e164=row.e164,
        source=row.source,
        rule=row.rule,
        said_at=row.said_at,
        recorded_at=row.recorded_at,
        evidence=row.evidence,
        lifted_at=row.lifted_at,
        lifted_by=row.lifted_by,
        lift_evidence=row.lift_evidence,
    )


def _campaign_view(row: Campaign) -> CampaignSummary:
    return CampaignSummary(
        campaign_id=row.id,
        name=row.name,
        kind=row.kind,
        status=row.status,
        version=row.version,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def _message_view(row: Message) -> MessageView:
    return MessageView(
        message_id=row.id,
        direction=row.direction,
        kind=row.kind,
        campaign_id=row.campaign_id,
        contact_id=row.contact_id,
        e164=row.e164,
        status=row.status,
        reason=row.reason,
        segments=row.segments,
        not_before=row.not_before,
        submitted_at=row.submitted_at,
        receipt_at=row.receipt_at,
        created_at=row.created_at,
        variant=row.variant,
        body=row.body,
        attempts=row.attempts,
        provider_message_id=row.provider_message_id,
        provider_error_code=row.provider_error_code,
        opted_out_in_flight=row.opted_out_in_flight,
    )


def _task_view(row: TaskRun) -> TaskView:
    return TaskView(
        run_id=row.id,
        task_id=row.task_id,
        task=row.name,
        args=row.args,
        deliveries=row.deliveries,
        started_at=row.started_at,
        finished_at=row.finished_at,
        seconds=row.seconds,
        outcome=row.outcome,
        error=row.error,
    )
