"""Find what was forgotten and bring it back: rows are the truth, and the queue may have lost any of it.

What still waits with the broker isn't forgotten. It is not published again, and a queue is filled up to its bound only,
with the oldest first: so a backlog of any size drains at its pool's speed and never feeds itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog

from services.core.domain.inbox import PARKED_FOR
from services.core.domain.messages import MessageReason, MessageStatus
from services.core.domain.retry import RETRY_CEILING
from services.core.queue.enqueue import Batch, BrokerUnavailable, Queued
from services.core.queue.names import TaskName
from services.core.runtime import failpoints
from services.core.storage import attempts, campaigns, clock, imports, inbox, outbox, work
from services.core.storage.database import Session
from services.core.storage.outbox.life import move
from services.core.storage.published import Published
from services.core.usecases.context import Context

log = structlog.get_logger()

AT_ONCE = 500
LOOK_AGAIN_AFTER = timedelta(seconds=60)
IDS_PER_TASK = 10
"""Of a long backlog: so that a full queue lasts the pool until the next pass."""

LOOKS_PER_TASK = 50
"""Looks that are due together are mostly of texts that left together: they share what is read."""


@dataclass(frozen=True, slots=True)
class SweepReport:
    """How much was found: webhooks, looks, imports, campaigns published; messages given back, orphans of workers."""

    webhooks: int
    looks: int
    given_back: int
    orphans: int
    finished: int
    imports: int
    campaigns: int


def sweep(context: Context) -> SweepReport:
    """One pass over everything that can be forgotten. Raises `DatabaseUnavailable`; the next pass repeats it."""
    with context.database.transaction() as session:
        at = clock.product_now(session)
        orphaned = outbox.orphans(session, limit=AT_ONCE)
        for message in orphaned:
            move(message, MessageStatus.UNCERTAIN, reason=MessageReason.WORKER_LOST, at=at)
        failpoints.reach("sweeping")
    with context.database.transaction() as session:
        finished = outbox.settle_ended_campaigns(session)
        inbox.wake_matched(session)
        inbox.give_up_parked(session, older_than=PARKED_FOR)
    report = SweepReport(orphans=len(orphaned), finished=len(finished), **_publish_forgotten(context))
    if any(getattr(report, name) for name in SweepReport.__slots__):
        log.info("sweep.found", **{name: getattr(report, name) for name in SweepReport.__slots__})
    return report


def _publish_forgotten(context: Context) -> dict[str, int]:
    """What each kind of forgotten work came to, knowing what the broker holds of it.

    A broker that is away is asked once in a pass, since the clock waits for each of its timeouts; it costs but a wait,
    as does one that holds more than can be looked at.
    """
    found = dict.fromkeys(FORGOTTEN, 0)
    try:
        for name, (task, act) in FORGOTTEN.items():
            queued = context.broker.queued(task, lost_after=context.settings.timings.unleased_after)
            found[name] = act(context, queued) if queued.is_whole else 0
    except BrokerUnavailable:
        log.warning("sweep.broker_unavailable")
    return found


def _publish_webhooks(context: Context, queued: Queued) -> int:
    with context.database.reading() as session:
        rows = inbox.unpublished(
            session,
            queued=queued.ids,
            received_before=context.settings.timings.unpublished_after,
            limit=queued.room * IDS_PER_TASK,
        )
    size = min(IDS_PER_TASK, len(rows) // max(queued.room, 1) + 1)
    return len(_publish(context, TaskName.PROCESS_WEBHOOK, rows, ids_per_task=size))


def _publish_looks(context: Context, queued: Queued) -> int:
    with context.database.reading() as session:
        rows = attempts.due_looks(
            session, queued=queued.ids, republish_after=LOOK_AGAIN_AFTER, limit=min(queued.room, AT_ONCE)
        )
    taken = _publish(context, TaskName.RECONCILE_MESSAGE, rows, ids_per_task=LOOKS_PER_TASK)
    with context.database.transaction() as session:
        attempts.stamp_looks(session, taken)
    return len(taken)


def _publish_imports(context: Context, queued: Queued) -> int:
    with context.database.reading() as session:
        left_alone = queued.ids | _failing(session, TaskName.RESUME_IMPORT)
        rows = imports.stalled(session, queued=left_alone, still_for=LOOK_AGAIN_AFTER, limit=min(queued.room, AT_ONCE))
    taken = _publish(context, TaskName.RESUME_IMPORT, rows, ids_per_task=1)
    with context.database.transaction() as session:
        imports.stamp_published(session, taken)
    return len(taken)


def _publish_campaigns(context: Context, queued: Queued) -> int:
    with context.database.reading() as session:
        left_alone = queued.ids | _failing(session, TaskName.CONTINUE_CAMPAIGN)
        rows = campaigns.to_continue(session, queued=left_alone, limit=min(queued.room, AT_ONCE))
    return len(_publish(context, TaskName.CONTINUE_CAMPAIGN, rows, ids_per_task=1))


def _failing(session: Session, name: TaskName) -> set[int]:
    """What has given up is tried again later and later, or at once when a person replays its letter."""
    return work.failing(session, name, at_least=LOOK_AGAIN_AFTER, at_most=RETRY_CEILING)


def _give_back(context: Context, queued: Queued) -> int:
    """Leave to dispatch the texts whose ids the broker lost."""
    with context.database.transaction() as session:
        before = context.settings.timings.unpublished_after
        return outbox.unpublish_stale(session, queued=queued.ids, published_before=before)


def _publish(context: Context, name: TaskName, rows: list[Published], *, ids_per_task: int) -> list[int]:
    """Publish the rows, each in its own trace where it has a task of its own; answers the ids that the queue took.

    A row is stamped after that and not before, so none waits for a task that isn't there: one that the queue took
    without its stamp is among those that the next pass finds queued.
    """
    parts = (rows[start : start + ids_per_task] for start in range(0, len(rows), ids_per_task))
    batches = [Batch([str(row.id) for row in part], [row.traceparent for row in part]) for part in parts]
    taken = context.broker.enqueue_up_to(name, batches) * ids_per_task
    failpoints.reach("sweep_published")
    return [row.id for row in rows[:taken]]


FORGOTTEN: Mapping[str, tuple[TaskName, Callable[[Context, Queued], int]]] = {
    "webhooks": (TaskName.PROCESS_WEBHOOK, _publish_webhooks),
    "looks": (TaskName.RECONCILE_MESSAGE, _publish_looks),
    "given_back": (TaskName.SEND_CAMPAIGN_MESSAGE, _give_back),
    "imports": (TaskName.RESUME_IMPORT, _publish_imports),
    "campaigns": (TaskName.CONTINUE_CAMPAIGN, _publish_campaigns),
}
