"""Choose which messages go now and hand their ids to the campaign workers; only a worker may take a lease.

Ids with the broker stay few, so that a stop, a pause or an opt-out never has a long queue before it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.pacing import interleave
from services.core.queue.enqueue import Batch, BrokerUnavailable
from services.core.queue.names import TaskName
from services.core.runtime import failpoints, tracing
from services.core.runtime.telemetry import Attribute, SpanName
from services.core.storage import campaigns, clock, installation, outbox
from services.core.storage.database import Session
from services.core.storage.outbox import DueMessage
from services.core.usecases.campaigns.queue_today import queue_today
from services.core.usecases.context import Context

log = structlog.get_logger()

AHEAD = timedelta(seconds=30)
RESCAN_EVERY = 5
"""Passes between looks below the watermark: rows that came back, or became due late, wait no longer than that."""

WITHOUT_CAMPAIGN_IDS = 1
MISSED_AFTER = timedelta(minutes=5)
"""A campaign whose messages are late by this and its own interval has been stopped: its day is laid out anew."""


class Dispatcher:
    """Chooses by watermark: each campaign's lower bound follows what was dispatched, and is dropped now and then."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._watermarks: dict[int | None, datetime] = {}
        self._passes = 0

    def dispatch(self) -> int:
        """Publish due messages up to the bound, fairly between campaigns; returns how many ids went out.

        Raises `DatabaseUnavailable`. A broker that does not take them costs nothing: the stamp is taken back.
        """
        self._passes += 1
        if self._passes % RESCAN_EVERY == 0:
            self._watermarks.clear()
        with self._context.database.transaction() as session:
            chosen, missed = self._choose(session)
            outbox.stamp_published(session, [due.message_id for due in chosen])
            failpoints.reach("dispatch_stamping")
        failpoints.reach("dispatch_stamped")
        if chosen:
            with tracing.span(SpanName.DISPATCH, {Attribute.MESSAGES: len(chosen)}):
                self._publish(chosen)
        failpoints.reach("dispatch_published")
        for campaign_id in missed:
            self._lay_out_anew(campaign_id)
        return len(chosen)

    def _choose(self, session: Session) -> tuple[list[DueMessage], list[int]]:
        """The messages to publish, and the campaigns that missed their instants by an outage or a stop."""
        switches = installation.read(session)
        if switches.is_rewound or switches.sending_stopped_at is not None:
            return [], []
        at = clock.product_now(session)
        bound = int(2 * self._context.settings.provider_rate * AHEAD.total_seconds())
        room = bound - outbox.published_count(session)
        if room <= 0:
            return [], []
        missed: list[int] = []
        queues: dict[int | None, Sequence[DueMessage]] = {None: self._due(session, None, WITHOUT_CAMPAIGN_IDS, room)}
        for campaign in outbox.running_campaigns(session):
            waiting = self._due(session, campaign.id, campaign.ids_per_task, room)
            if waiting and waiting[0].not_before < at - campaign.batch_every - MISSED_AFTER:
                missed.append(campaign.id)
            else:
                queues[campaign.id] = waiting
        chosen = [due for due, _ in zip(interleave(queues), range(room), strict=False)]
        for due in chosen:
            self._watermarks[due.campaign_id] = due.not_before
        return chosen, missed

    def _lay_out_anew(self, campaign_id: int) -> None:
        """Give what waits new instants of today, so that it neither comes in one burst nor on top of a day's cap."""
        with self._context.database.transaction() as session:
            campaign = campaigns.lock(session, campaign_id)
            if campaign is not None and campaign.status == CampaignStatus.RUNNING:
                queue_today(self._context, session, campaign)

    def _due(self, session: Session, campaign_id: int | None, ids_per_task: int, limit: int) -> list[DueMessage]:
        return outbox.due(
            session,
            campaign_id=campaign_id,
            ids_per_task=ids_per_task,
            after=self._watermarks.get(campaign_id),
            limit=limit,
        )

    def _publish(self, chosen: Sequence[DueMessage]) -> None:
        spans = {due.message_id: _begin(due) for due in chosen}
        traces = {message_id: span.traceparent for message_id, span in spans.items()}
        tracing.link(*traces.values())
        try:
            self._context.broker.enqueue_many(TaskName.SEND_CAMPAIGN_MESSAGE, batches(chosen, traces))
        except BrokerUnavailable as error:
            for span in spans.values():
                span.fail(type(error).__name__)
            log.warning("dispatch.broker_unavailable", ids=len(chosen))
            self._watermarks.clear()
            with self._context.database.transaction() as session:
                outbox.unpublish(session, [due.message_id for due in chosen])
        finally:
            for span in spans.values():
                span.end()


def _begin(due: DueMessage) -> tracing.ActiveSpan:
    """The message's dispatch; its first is the root of its trace, linked to the act that made the message."""
    attributes = {
        Attribute.MESSAGE_ID: due.message_id,
        Attribute.CAMPAIGN_ID: due.campaign_id,
        Attribute.DISPATCHES: due.dispatches + 1,
    }
    if due.traceparent is not None and due.dispatches == 0:
        links = [due.begun_by, tracing.traceparent()]
        return tracing.first(SpanName.MESSAGE_DISPATCH, attributes, ids=due.traceparent, links=links)
    links = [tracing.traceparent()]
    return tracing.begin(SpanName.MESSAGE_DISPATCH, attributes, parent=due.traceparent, links=links)


def batches(chosen: Sequence[DueMessage], traces: Mapping[int, str | None]) -> list[Batch]:
    """The ids in tasks of each campaign's own size, in the order they were chosen; the campaigns take turns.

    With each id goes what `traces` has for it.
    """
    by_campaign: dict[int | None, list[DueMessage]] = {}
    for due in chosen:
        by_campaign.setdefault(due.campaign_id, []).append(due)
    tasks = {
        campaign_id: [
            Batch([str(due.message_id) for due in part], [traces.get(due.message_id) for due in part])
            for part in _parts(group, group[0].ids_per_task)
        ]
        for campaign_id, group in by_campaign.items()
    }
    return list(interleave(tasks))


def _parts(group: Sequence[DueMessage], size: int) -> Iterator[Sequence[DueMessage]]:
    return (group[start : start + size] for start in range(0, len(group), size))
