"""Choose which messages go now and hand their ids to the campaign workers; only a worker may take a lease.

Ids with the broker stay few, so that a stop, a pause or an opt-out never has a long queue before it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from services.core.domain.pacing import interleave
from services.core.queue.enqueue import BrokerUnavailable
from services.core.queue.names import TaskName
from services.core.storage import installation, outbox
from services.core.storage.database import Session
from services.core.storage.outbox import DueMessage
from services.core.usecases.context import Context

log = structlog.get_logger()

AHEAD = timedelta(seconds=30)
RESCAN_EVERY = 5
"""Passes between looks below the watermark: rows that came back, or became due late, wait no longer than that."""

WITHOUT_CAMPAIGN_IDS = 1


class Dispatcher:
    """Chooses by watermark: each campaign's lower bound follows what was dispatched, and is dropped now and then."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._watermarks: dict[int | None, datetime] = {}
        self._passes = 0

    def dispatch(self) -> int:
        """Publish due messages up to the bound, fairly between campaigns; answers how many ids went out.

        Raises `DatabaseUnavailable`. A broker that does not take them costs nothing: the stamp is taken back.
        """
        self._passes += 1
        if self._passes % RESCAN_EVERY == 0:
            self._watermarks.clear()
        with self._context.database.transaction() as session:
            chosen = self._choose(session)
            outbox.stamp_published(session, [due.message_id for due in chosen])
        if chosen:
            self._publish(chosen)
        return len(chosen)

    def _choose(self, session: Session) -> list[DueMessage]:
        switches = installation.read(session)
        if switches.sending_stopped_at is not None:
            return []
        bound = int(2 * self._context.settings.provider_rate * AHEAD.total_seconds())
        room = bound - outbox.published_count(session)
        if room <= 0:
            return []
        queues: dict[int | None, Sequence[DueMessage]] = {None: self._due(session, None, WITHOUT_CAMPAIGN_IDS, room)}
        for campaign in outbox.running_campaigns(session):
            queues[campaign.id] = self._due(session, campaign.id, campaign.ids_per_task, room)
        chosen = [due for due, _ in zip(interleave(queues), range(room), strict=False)]
        for due in chosen:
            self._watermarks[due.campaign_id] = due.not_before
        return chosen

    def _due(self, session: Session, campaign_id: int | None, ids_per_task: int, limit: int) -> list[DueMessage]:
        return outbox.due(
            session,
            campaign_id=campaign_id,
            ids_per_task=ids_per_task,
            after=self._watermarks.get(campaign_id),
            limit=limit,
        )

    def _publish(self, chosen: Sequence[DueMessage]) -> None:
        try:
            self._context.broker.enqueue_many(TaskName.SEND_CAMPAIGN_MESSAGE, batches(chosen))
        except BrokerUnavailable:
            log.warning("dispatch.broker_unavailable", ids=len(chosen))
            self._watermarks.clear()
            with self._context.database.transaction() as session:
                outbox.unpublish(session, [due.message_id for due in chosen])


def batches(chosen: Sequence[DueMessage]) -> list[list[str]]:
    """The ids in messages of each campaign's own size, in the order they were chosen."""
    by_campaign: dict[int | None, list[DueMessage]] = {}
    for due in chosen:
        by_campaign.setdefault(due.campaign_id, []).append(due)
    return [
        [str(due.message_id) for due in group[start : start + group[0].ids_per_task]]
        for group in by_campaign.values()
        for start in range(0, len(group), group[0].ids_per_task)
    ]
