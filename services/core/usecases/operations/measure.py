"""The gauges: what waits, stands still or nears a limit, by the rows and the broker.

Only the clock's leader measures, so that each gauge has one source; without a leader they end within a minute, which
an alert sees as their absence.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

from services.core.domain.health import Part, PartName, Vitals, Waiting, judge
from services.core.queue import instruments as of_queue
from services.core.queue.names import TaskName
from services.core.runtime import failpoints, metering
from services.core.runtime.telemetry import Instrument
from services.core.storage import canaries, clock, health, vitals
from services.core.storage.database import Session
from services.core.usecases import instruments as names
from services.core.usecases.context import Context
from services.core.usecases.operations.canary import canary_parts
from services.core.usecases.operations.health_parts import TOLD_WITHIN, ground_parts, provider_parts
from services.core.usecases.operations.suspicion import suspicion
from services.core.usecases.operations.vitals import read_vitals

Gauge = tuple[Instrument, float, tuple[str, ...]]


def measure(context: Context, *, is_wanted: Callable[[], bool] = lambda: True) -> int:
    """Look, and show all gauges anew; answers how many there are. Raises `DatabaseUnavailable`.

    What nobody wants any more when it is found, since another leads by then, isn't shown.
    """
    suspected = suspicion(context)
    with context.database.reading() as session:
        at = clock.product_now(session)
        failpoints.reach("measuring")
        found = read_vitals(context, session)
        ground = ground_parts(session, suspected=suspected)
        parts = [*ground, *judge(found), *canary_parts(session, at), *provider_parts(session, at)]
        gauges = [
            *_waiting(found),
            *_queues(found),
            *_limits(found, rate=context.settings.provider_rate),
            *_health([*parts, *_reported(session)], broker_answers=bool(found.depths)),
            *_secrets(session),
        ]
    metering.show(*gauges)
    if not is_wanted():
        metering.show()
    return len(gauges)


def _waiting(found: Vitals) -> Iterator[Gauge]:
    of: Mapping[str, Waiting] = {
        "due": found.due,
        "inbox": found.inbox,
        "quarantined": found.quarantined,
        "uncertain": found.uncertain,
        "held": found.held,
        "dead_letters": found.dead_letters,
        "reviews": found.reviews,
        "stopped_campaigns": found.stopped_campaigns,
    }
    for what, waiting in of.items():
        yield names.WAITING, waiting.count, (what,)
        yield names.WAITING_AGE, _seconds(waiting.oldest), (what,)
    idle = found.due.oldest
    if idle is not None and found.last_attempt is not None:
        idle = min(idle, found.last_attempt)
    yield names.STILL, _seconds(idle), ()


def _queues(found: Vitals) -> Iterator[Gauge]:
    for queue, waiting in found.queued.items():
        yield of_queue.QUEUE_AGE, _seconds(waiting.oldest), (queue,)
    for queue, depth in found.depths.items():
        yield of_queue.QUEUE_DEPTH, depth, (queue,)
    for pool, running in found.running.items():
        yield of_queue.POOL_RUNNING, running, (pool,)


def _limits(found: Vitals, *, rate: float) -> Iterator[Gauge]:
    for scope, cap in found.caps.items():
        yield names.CAP_USED, cap.used, (scope,)
        yield names.CAP_LIMIT, cap.limit, (scope,)
    yield of_queue.RATE_LIMIT, rate, ()
    yield names.MISSED_RUNS, found.missed_runs, ()
    yield names.STOPPED, found.stopped_by is not None, ()
    yield names.STOPPED_FOR, _seconds(found.stopped_for), ()
    yield names.REFUSED, found.refused_because is not None, ()


def _health(parts: list[Part], *, broker_answers: bool) -> Iterator[Gauge]:
    yield names.HEALTH, True, (PartName.DATABASE,)  # it has just answered
    yield names.HEALTH, broker_answers, (PartName.REDIS,)
    for part in parts:
        yield names.HEALTH, part.well, (part.name,)


def _reported(session: Session) -> Iterator[Part]:
    """What only a worker with the cluster's token can see."""
    told = health.latest_part(session, PartName.ROLLOUTS, within=TOLD_WITHIN)
    if told is not None:
        yield Part(PartName.ROLLOUTS, told.part["well"], told.part["found"])


def _secrets(session: Session) -> Iterator[Gauge]:
    made = vitals.webhook_key_age(session)
    if made is not None:
        yield names.KEY_AGE, made.total_seconds(), ()
    left = canaries.certificate_left(session, TaskName.SEND_CANARIES)
    if left is not None:
        yield names.CERTIFICATE, left.total_seconds(), ()


def _seconds(age: timedelta | None) -> float:
    return age.total_seconds() if age is not None else 0.0
