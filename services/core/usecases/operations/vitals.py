"""Everything that waits or may stand still, from the rows and the broker."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from services.core.domain.health import Cap, Vitals, Waiting
from services.core.queue.enqueue import BrokerUnavailable
from services.core.queue.names import TASK_QUEUES, Queue, TaskName
from services.core.storage import caps, clock, installation, vitals
from services.core.storage.database import Session
from services.core.usecases.context import Context
from services.core.usecases.messages.gate import ACCOUNT, cap_day, number_scope_of
from services.core.usecases.schedule.missing_runs import missing_runs

MISSED_WITHIN = timedelta(days=1)
CLOCK_TOLERANCE = timedelta(minutes=1)


def read_vitals(context: Context, session: Session) -> Vitals:
    """Looks at indexes and at one transaction of Redis, so that it may be done every few seconds.

    A broker that doesn't answer leaves depths empty. Raises `DatabaseUnavailable`.
    """
    at = clock.product_now(session)
    switches = installation.read(session)
    stopped_at = switches.sending_stopped_at
    depths, running = _broker(context)
    refused = switches.breaker_open_until is not None and at < switches.breaker_open_until
    return Vitals(
        beat_silent=vitals.beat_silent_for(session),
        due=vitals.due_texts(session),
        last_attempt=vitals.last_attempt(session),
        inbox=vitals.new_events(session),
        quarantined=vitals.quarantined_events(session),
        queued=queued_work(session),
        depths=depths,
        running=running,
        uncertain=vitals.uncertain_texts(session),
        held=vitals.held_texts(session),
        dead_letters=vitals.open_dead_letters(session),
        reviews=vitals.open_reviews(session),
        stopped_campaigns=vitals.stopped_campaigns(session),
        missed_runs=_missed(context, session, at),
        stopped_by=(switches.sending_stopped_by or "somebody") if stopped_at else None,
        stopped_for=at - stopped_at if stopped_at else None,
        refused_because=(switches.breaker_reason or "no reason given") if refused else None,
        caps=caps_used(context, session, at),
    )


def _broker(context: Context) -> tuple[dict[str, int], dict[str, int]]:
    try:
        depths, loads = context.inspector.depths(), context.inspector.loads()
    except BrokerUnavailable:
        return {}, {}
    return {each.queue.value: each.waiting for each in depths}, {each.pool: each.unacked for each in loads}


def queued_work(session: Session) -> dict[str, Waiting]:
    """By queue, the rows that its tasks are about: the queues themselves hold no times."""
    runs = vitals.due_runs(session)
    of_queue = {queue: _together(runs[job] for job in runs if TASK_QUEUES[TaskName(job)] is queue) for queue in Queue}
    rows = {Queue.CAMPAIGNS: vitals.published_texts(session), Queue.WEBHOOKS: vitals.new_events(session)}
    return {queue.value: waiting for queue, waiting in (of_queue | rows).items()}


def _together(each: Iterable[Waiting]) -> Waiting:
    several = list(each)
    ages = [one.oldest for one in several if one.oldest is not None]
    return Waiting(sum(one.count for one in several), max(ages, default=None))


def _missed(context: Context, session: Session, at: datetime) -> int:
    zone = context.settings.business_zone
    return len(missing_runs(session, zone=zone, since=at - MISSED_WITHIN, until=at - CLOCK_TOLERANCE))


def caps_used(context: Context, session: Session, at: datetime) -> dict[str, Cap]:
    """What is used today of each cap."""
    settings, day = context.settings, cap_day(context, at)
    number = number_scope_of(settings.provider_phone_number_id)
    return {
        "account": Cap(caps.used(session, ACCOUNT, day), settings.account_daily_cap),
        "number": Cap(caps.used(session, number, day), settings.number_daily_cap),
    }
