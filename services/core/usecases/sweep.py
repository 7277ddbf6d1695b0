"""Find what was forgotten and bring it back: rows are the truth, and the queue may have lost any of it."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from services.core.domain.inbox import PARKED_FOR
from services.core.domain.messages import MessageStatus
from services.core.queue.enqueue import Batch, BrokerUnavailable
from services.core.queue.names import CAMPAIGN, Queue, TaskName
from services.core.runtime import failpoints
from services.core.storage import attempts, clock, inbox, outbox
from services.core.storage.published import Published
from services.core.usecases.context import Context
from services.core.usecases.settle import move

log = structlog.get_logger()

AT_ONCE = 500
LOOK_AGAIN_AFTER = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class SweepReport:
    """How much was found: webhooks and looks published, messages given back, submissions without an outcome."""

    webhooks: int
    looks: int
    given_back: int
    orphans: int
    finished: int


def sweep(context: Context) -> SweepReport:
    """One pass over everything that can be forgotten. Raises `DatabaseUnavailable`; the next pass repeats it."""
    timings = context.settings.timings
    unleased_after = timings.unpublished_after if _is_queue_empty(context) else timings.unleased_after
    with context.database.transaction() as session:
        at = clock.product_now(session)
        orphaned = outbox.orphans(session, limit=AT_ONCE)
        for message in orphaned:
            move(message, MessageStatus.UNCERTAIN, reason="worker_lost", at=at)
        failpoints.reach("sweeping")
    with context.database.transaction() as session:
        given_back = outbox.unpublish_stale(session, published_before=unleased_after)
        finished = outbox.settle_ended_campaigns(session)
        inbox.wake_matched(session)
        inbox.give_up_parked(session, older_than=PARKED_FOR)
    with context.database.transaction() as session:
        webhooks = inbox.unpublished(
            session,
            received_before=timings.unpublished_after,
            republish_after=timings.unleased_after,
            limit=AT_ONCE,
        )
        looks = attempts.publish_due_looks(session, republish_after=LOOK_AGAIN_AFTER, limit=AT_ONCE)
    _publish(context, TaskName.PROCESS_WEBHOOK, webhooks)
    _publish(context, TaskName.RECONCILE_MESSAGE, looks)
    report = SweepReport(len(webhooks), len(looks), given_back, len(orphaned), len(finished))
    if any((report.webhooks, report.looks, report.given_back, report.orphans, report.finished)):
        log.info("sweep.found", **{name: getattr(report, name) for name in SweepReport.__slots__})
    return report


def _publish(context: Context, name: TaskName, rows: list[Published]) -> None:
    """Publish one task per row, in the row's own trace. A broker that is away costs nothing but a wait."""
    try:
        context.broker.enqueue_many(name, [Batch([str(row.id)], (row.traceparent,)) for row in rows])
    except BrokerUnavailable:
        log.warning("sweep.broker_unavailable", task=name, ids=len(rows))


def _is_queue_empty(context: Context) -> bool:
    """Whether no id waits or runs in the campaign pool, as far as the broker can say."""
    try:
        return context.inspector.waiting(Queue.CAMPAIGNS) + context.inspector.unacked(CAMPAIGN) == 0
    except BrokerUnavailable:
        return False
