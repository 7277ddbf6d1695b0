"""Deliveries on their way from the request to the disk: read one by one, stored together.

One lane writes. It takes whatever gathered while it was busy and commits it as one transaction, so that a commit to
disk costs each the less the more there are, and nobody waits for company. A delivery that must lock a contact goes
alone, so that a locked contact delays nobody else. Every wait ends in time: a sender who hears 503 sends again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from time import monotonic
from types import TracebackType
from typing import Any, Self

import structlog

from services.core.domain.inbox import Unstored
from services.core.domain.opt_out import decide_opt_out
from services.core.runtime import failpoints
from services.core.storage.database import DatabaseUnavailable, RowLocked
from services.core.usecases.context import Context
from services.core.usecases.operations.product_clock import KNOWN, ProductClock
from services.core.usecases.webhooks.accept import Acceptance, ReadWebhook, read_webhook, store_webhooks
from services.webhook_ingress.publisher import Publisher

log = structlog.get_logger()

ANSWERED_WITHIN = timedelta(seconds=2)
"""All waits of a delivery together: its sender repeats it when it hears 503, and gives up on us after ten seconds."""

TRIAL_HOLDS_SECONDS = 1
TOGETHER_AT_MOST = 100
WAITING_AT_MOST = 1000
READ_AT_ONCE_BYTES = 4096
"""A longer body is read in a thread: to decide on a long text takes milliseconds that all others would wait."""

ALONE_THREADS = 8
POOL_SIZE = ALONE_THREADS + 2
"""Database connections: one for each of those threads, the lane and the clock."""


class NotStored(Exception):
    """The delivery is not known to be stored: its sender must send it again."""

    def __init__(self, reason: Unstored, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Reception:
    """Takes deliveries while it is entered; made, entered and used in one event loop."""

    def __init__(self, context: Context, publisher: Publisher) -> None:
        self._context = context
        self._publisher = publisher
        self._clock = ProductClock(context.database)
        self._clock_reading: asyncio.Future[datetime] | None = None
        self._trial: asyncio.Future[None] | None = None
        self._tried_at = 0.0
        self._waiting: dict[asyncio.Future[Acceptance], ReadWebhook] = {}
        self._has_waiting = asyncio.Event()
        self._lane = ThreadPoolExecutor(1, "lane")
        self._alone = ThreadPoolExecutor(ALONE_THREADS, "alone")
        self._clock_thread = ThreadPoolExecutor(1, "clock")

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(decide_opt_out, "compile the patterns before the first text comes")
        self._writing = asyncio.create_task(self._write())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writing.cancel()
        with suppress(asyncio.CancelledError):
            await self._writing
        for threads in (self._lane, self._alone, self._clock_thread):
            threads.shutdown(wait=False, cancel_futures=True)

    async def accept(self, raw: bytes, headers: Mapping[str, str], *, traceparent: str | None) -> Acceptance:
        """What became of a delivery, once it is committed. Raises `NotStored`, within two seconds."""
        waits_for = Unstored.CLOCK
        try:
            async with asyncio.timeout(ANSWERED_WITHIN.total_seconds()):
                read = await self._read(raw, headers, traceparent=traceparent)
                if isinstance(read, Acceptance):
                    return read
                waits_for = Unstored.STORE
                return await (self._store_alone(read) if read.locks_a_contact else self._store_together(read))
        except TimeoutError as error:
            raise NotStored(waits_for) from error
        except RowLocked as error:
            raise NotStored(Unstored.LOCKED) from error
        except DatabaseUnavailable as error:
            raise NotStored(Unstored.DATABASE, str(error)) from error

    async def product_now(self, *, fresh: bool = False) -> datetime:
        """Product time as it is known, while it is read anew beside; with `fresh`, as the database says it now.

        Raises `DatabaseUnavailable` when the database must be asked and can't be.
        """
        at = None if fresh else self._clock.carried_on()
        if at is None:
            reading = self._clock_reading
            if reading is None or reading.done():
                reading = self._clock_reading = self._read_clock()
            at = None if fresh else self._clock.carried_on(within=KNOWN)
            if at is None:
                at = await asyncio.shield(reading)
        return at

    def _read_clock(self) -> asyncio.Future[datetime]:
        reading = asyncio.get_running_loop().run_in_executor(self._clock_thread, self._clock.read)
        reading.add_done_callback(_note_failure)
        return reading

    async def can_store(self) -> None:
        """Raises `DatabaseUnavailable` unless the database took a write just now.

        One write at a time, and at most one a second however many ask.
        """
        if self._trial is None or (self._trial.done() and monotonic() - self._tried_at > TRIAL_HOLDS_SECONDS):
            self._tried_at = monotonic()
            write = self._context.database.check_writable
            self._trial = asyncio.get_running_loop().run_in_executor(self._clock_thread, write)
            self._trial.add_done_callback(_note_failure)
        await asyncio.shield(self._trial)

    async def _read(
        self, raw: bytes, headers: Mapping[str, str], *, traceparent: str | None
    ) -> ReadWebhook | Acceptance:
        """Read it by the time that we believe it is; before that makes a delivery stale, ask anew."""
        for fresh in (False, True):
            at = await self.product_now(fresh=fresh)
            if len(raw) <= READ_AT_ONCE_BYTES:
                read = read_webhook(self._context, raw, headers, at=at, traceparent=traceparent)
            else:
                read = await asyncio.to_thread(
                    read_webhook, self._context, raw, headers, at=at, traceparent=traceparent
                )
            if isinstance(read, Acceptance) or not read.is_stale:
                break
        return read

    async def _store_alone(self, read: ReadWebhook) -> Acceptance:
        [outcome] = await asyncio.get_running_loop().run_in_executor(self._alone, self._store, [read])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _store_together(self, read: ReadWebhook) -> Acceptance:
        if len(self._waiting) >= WAITING_AT_MOST:
            raise NotStored(Unstored.BACKLOG)
        stored: asyncio.Future[Acceptance] = asyncio.get_running_loop().create_future()
        self._waiting[stored] = read
        self._has_waiting.set()
        try:
            return await stored
        finally:
            self._waiting.pop(stored, None)

    async def _write(self) -> None:
        while True:
            await self._has_waiting.wait()
            batch = dict(islice(self._waiting.items(), TOGETHER_AT_MOST))
            for stored in batch:
                del self._waiting[stored]
            if not self._waiting:
                self._has_waiting.clear()
            reads = list(batch.values())
            outcomes = await asyncio.get_running_loop().run_in_executor(self._lane, self._store, reads)
            for stored, outcome in zip(batch, outcomes, strict=True):
                if stored.done():
                    continue
                if isinstance(outcome, Exception):
                    stored.set_exception(outcome)
                else:
                    stored.set_result(outcome)

    def _store(self, reads: Sequence[ReadWebhook]) -> list[Acceptance | Exception]:
        """Store them together, or each by itself where one is at fault; what is committed is published."""
        try:
            acceptances = store_webhooks(self._context, reads)
        except DatabaseUnavailable as error:
            return [error] * len(reads)
        except Exception as error:  # noqa: BLE001 - it is handed to the one request that it concerns
            if len(reads) == 1:
                return [error]
            log.warning("webhook.stored_singly", deliveries=len(reads), error=type(error).__name__)
            return [outcome for read in reads for outcome in self._store([read])]
        failpoints.reach("webhook_publishing")
        for read, acceptance in zip(reads, acceptances, strict=True):
            if acceptance.inbox_id is not None:
                self._publisher.publish(acceptance.inbox_id, read.delivery.traceparent)
        return list(acceptances)


def _note_failure(asked: asyncio.Future[Any]) -> None:
    """What is asked of the database and nobody waits for any more fails into the log."""
    if not asked.cancelled() and (error := asked.exception()):
        log.warning("webhook.database_unanswered", error=type(error).__name__)
