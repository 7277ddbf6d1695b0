"""Today: what goes out, what came back, what waits for a person; the same for the page, the API and the table."""

from collections.abc import Iterator, Mapping
from datetime import datetime, time
from zoneinfo import ZoneInfo

from services.core.domain.health import PartName, Waiting
from services.core.domain.messages import MessageStatus
from services.core.domain.schedule import JOBS, next_due
from services.core.domain.today import REVIEW_WITHIN, FirstStep, ToDoKind, sentence
from services.core.storage import clock, installation, schedule, today, vitals
from services.core.storage.database import Session
from services.core.usecases.context import Context
from services.core.usecases.messages.gate import cap_day, cap_resets_at
from services.core.usecases.operations.health import check_health
from services.core.usecases.operations.sending import sending_state
from services.core.usecases.operations.vitals import caps_used
from services.core.views import today as views

FAILED = (MessageStatus.FAILED, MessageStatus.UNDELIVERED)
TOLD_BY_TO_DO = frozenset({PartName.QUARANTINE, PartName.HELD_MESSAGES, PartName.DEAD_LETTERS})
UNKNOWN = (MessageStatus.SENDING, MessageStatus.UNCERTAIN, MessageStatus.HELD)


def show_today(context: Context) -> views.Today:
    """The day in the business's zone as it stands now. Raises `DatabaseUnavailable`.

    A fixed number of queries, each on an index that holds a day or what is open: it may be asked every second.
    """
    zone = ZoneInfo(context.settings.business_zone)
    sending = sending_state(context)
    with context.database.reading() as session:
        at = clock.product_now(session)
        day = cap_day(context, at)
        begins, ends = datetime.combine(day, time(), zone), cap_resets_at(context, at)
        row, known = installation.read(session), today.known(session)
        coming = today.coming(session, at=at, until=ends)
        by_status = today.submitted(session, since=begins)
        to_do = list(_to_do(session, at))
        replies, opt_outs = today.received(session, since=begins), today.opted_out(session, since=begins)
        caps = caps_used(context, session, at)
        next_runs = sorted(_next_runs(session, at, zone=zone.key), key=lambda run: run.due_at)
    unwell = [
        part for part in check_health(context, keep=False).parts if not part.well and part.name not in TOLD_BY_TO_DO
    ]
    first_step = _first_step(known)
    return views.Today(
        at=at,
        day=day,
        zone=zone.key,
        installation=row.environment,
        provider=row.provider,
        clock_offset=row.clock_offset,
        sentence=sentence(
            left=coming.count,
            next_at=f"{coming.next_at.astimezone(zone):%H:%M}" if coming.next_at is not None else None,
            first_step=first_step,
            is_stopped=sending.rewound or sending.stopped_at is not None,
            to_do=sum(each.count for each in to_do),
            unwell=len(unwell),
        ),
        sending=sending,
        first_step=first_step,
        to_do=to_do,
        unwell=unwell,
        texts=_texts(coming, by_status),
        replies=replies,
        opt_outs=opt_outs,
        running_campaigns=known.running,
        next_text_at=coming.next_at,
        caps=[views.CapUse(name=name, used=cap.used, limit=cap.limit) for name, cap in caps.items()],
        next_runs=next_runs,
    )


def _to_do(session: Session, at: datetime) -> Iterator[views.ToDo]:
    waiting: Mapping[ToDoKind, Waiting] = {
        ToDoKind.REVIEWS: vitals.open_reviews(session),
        ToDoKind.QUARANTINED: vitals.quarantined_events(session),
        ToDoKind.REPLIES: today.unanswered(session),
        ToDoKind.STOPPED: vitals.stopped_campaigns(session),
        ToDoKind.HELD: vitals.held_texts(session),
        ToDoKind.DEAD_LETTERS: vitals.open_dead_letters(session),
    }
    for kind in ToDoKind:
        found = waiting[kind]
        if found.count:
            yield views.ToDo(kind=kind, count=found.count, oldest=found.oldest, deadline=_deadline(kind, found, at))


def _deadline(kind: ToDoKind, found: Waiting, at: datetime) -> datetime | None:
    if kind is not ToDoKind.REVIEWS or found.oldest is None:
        return None
    return at - found.oldest + REVIEW_WITHIN


def _next_runs(session: Session, at: datetime, *, zone: str) -> Iterator[views.NextRun]:
    controls = schedule.controls(session)
    for job in JOBS.values():
        control = controls.get(job.name)
        if control is None or control.paused_at is None:
            yield views.NextRun(job=job.name, due_at=next_due(job.rule, after=at, zone=zone))


def _texts(coming: today.Coming, by_status: Mapping[str, int]) -> views.TextsToday:
    return views.TextsToday(
        left=coming.count,
        sent=sum(by_status.values()),
        delivered=by_status.get(MessageStatus.DELIVERED, 0),
        failed=sum(by_status.get(status, 0) for status in FAILED),
        unknown=sum(by_status.get(status, 0) for status in UNKNOWN),
    )


def _first_step(known: today.Known) -> FirstStep | None:
    if not known.contacts:
        return FirstStep.IMPORT
    return None if known.campaigns else FirstStep.CAMPAIGN
