"""Being the one beat that acts: take the lease, keep it, and stop trusting it in time."""

import os
import socket
import threading
import time
from datetime import timedelta
from uuid import uuid4

import structlog

from services.core.runtime import metering
from services.core.runtime.failpoints import reach
from services.core.storage import beat_lease
from services.core.storage.beat_lease import Lease
from services.core.storage.database import Database, DatabaseUnavailable

log = structlog.get_logger()

STANDBY_LOOKS_EVERY = timedelta(seconds=0.5)
RESIGN_WITHIN = timedelta(seconds=1.5)


class Leader:
    """This process's claim on the clock. An error while acquiring never counts as acquired."""

    def __init__(self, database: Database, *, length: timedelta, holder: str | None = None) -> None:
        self._database = database
        self._length = length
        self._holder = holder or new_holder()
        self._lease: Lease | None = None
        self._is_answered = True
        self._answered_at = float("-inf")
        self._look_at = float("-inf")

    @property
    def lease(self) -> Lease | None:
        """The lease while it may be trusted."""
        if self._lease is not None and time.monotonic() >= self._lease.trusted_until:
            self.lose()
        return self._lease

    def leads(self, lease: Lease) -> bool:
        """Whether this term still runs; may be asked by any thread."""
        held = self._lease
        return held is not None and held.term == lease.term and time.monotonic() < held.trusted_until

    @property
    def is_ready(self) -> bool:
        """Whether the database answered lately, be it that we lead or that another does."""
        return time.monotonic() - self._answered_at < self._length.total_seconds()

    def keep(self) -> None:
        """Renew the lease a third into its life; without one, look for it twice a second."""
        started = time.monotonic()
        if started < self._look_at:
            return
        self._look_at = started + min(STANDBY_LOOKS_EVERY, self._length / 3).total_seconds()
        try:
            with self._database.transaction() as session:
                reach("beat_renewing")
                lease = beat_lease.acquire_or_renew(session, holder=self._holder, lease=self._length)
        except DatabaseUnavailable as error:
            if self._is_answered:
                log.warning("beat.database_lost", error=str(error))
            self._is_answered = False
            return
        if not self._is_answered:
            log.info("beat.database_back")
        self._is_answered, self._answered_at = True, started
        self._follow(lease)
        if lease is not None:
            self._look_at = started + (self._length / 3).total_seconds()

    def lose(self) -> None:
        """Act no more under this term."""
        if self._lease is not None:
            log.warning("beat.lease_lost", term=self._lease.term)
            self._lease = None
            metering.show()  # gauges are the leader's

    def resign(self) -> None:
        """Give the lease back, so that a standby leads at once; not longer than a stopping process can wait."""
        if self._lease is None:
            return
        giving_back = threading.Thread(target=self._give_back, args=[self._lease], daemon=True)
        self._lease = None
        giving_back.start()
        giving_back.join(RESIGN_WITHIN.total_seconds())

    def _follow(self, lease: Lease | None) -> None:
        if lease is None:
            self.lose()
        elif self._lease is None or self._lease.term != lease.term:
            log.info("beat.lease_acquired", term=lease.term)
        self._lease = lease

    def _give_back(self, lease: Lease) -> None:
        reach("beat_resigning")
        try:
            with self._database.transaction() as session:
                beat_lease.resign(session, lease)
        except DatabaseUnavailable as error:
            log.warning("beat.lease_left_to_expire", term=lease.term, error=str(error))
        else:
            log.info("beat.lease_resigned", term=lease.term)


def new_holder() -> str:
    """A name that no other beat has or had."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:12]}"
