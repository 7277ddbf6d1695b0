"""Hand stored events to the webhook workers after they were answered: many ids a message, off the request's path.

It may lose everything it holds: the rows are stored, and the sweep publishes what nobody handled.
"""

from queue import Empty, SimpleQueue
from threading import Thread

import structlog

from services.core.queue.enqueue import Batch, Broker, BrokerUnavailable
from services.core.queue.names import TaskName

log = structlog.get_logger()

IDS_AT_ONCE = 50
WAITING_AT_MOST = 10_000


class Publisher:
    """One thread that publishes what gathered while it was busy, unless the queue is long: then the rows wait."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._waiting: SimpleQueue[tuple[int, str | None] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Publish what is left and end."""
        self._waiting.put(None)
        self._thread.join(timeout=5)

    def publish(self, inbox_id: int, traceparent: str | None) -> None:
        """Queue an id; when the broker is away for long the sweep takes over and this forgets."""
        if self._waiting.qsize() < WAITING_AT_MOST:
            self._waiting.put((inbox_id, traceparent))

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, ends = self._gather(first)
            try:
                ids, traces = zip(*batch, strict=True)
                self._broker.enqueue_up_to(TaskName.PROCESS_WEBHOOK, [Batch([str(each) for each in ids], traces)])
            except BrokerUnavailable:
                log.warning("webhook.publish_failed", ids=len(batch))
            if ends:
                return

    def _gather(self, first: tuple[int, str | None]) -> tuple[list[tuple[int, str | None]], bool]:
        batch = [first]
        while len(batch) < IDS_AT_ONCE:
            try:
                following = self._waiting.get_nowait()
            except Empty:
                return batch, False
            if following is None:
                return batch, True
            batch.append(following)
        return batch, False
