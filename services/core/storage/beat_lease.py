"""The lease on the clock: one row, real time. Each holder has a term of its own, and a term ends for good."""

import time
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Integer, cast, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.core.storage.models import BeatLease

NOW = func.clock_timestamp()
TRUST_MARGIN = timedelta(seconds=2)
FROZEN_AFTER = "5s"


class StaleTerm(Exception):
    """The lease ran out or went to another holder: nothing may be written under this term any more."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that we hold. `trusted_until` is on this process's monotonic clock and ends before the row does."""

    holder: str
    term: int
    trusted_until: float


def acquire_or_renew(session: Session, *, holder: str, lease: timedelta) -> Lease | None:
    """Take the free lease, or prolong our own; `None` while it is another's.

    It counts only once the transaction has committed. A lease that ran out is taken under a new term, even by the
    holder that had it: what it did not finish in time is not to be finished later.
    """
    attempt_started = time.monotonic()
    release_locks_when_frozen(session)
    if session.scalar(select(BeatLease.id).where(BeatLease.holder != holder, BeatLease.expires_at > NOW)):
        return None  # looked at first, since even a vain upsert would wait for the lock of the leader's tick
    new_term = or_(BeatLease.holder != holder, BeatLease.expires_at <= NOW)
    term = session.scalar(
        insert(BeatLease)
        .values(id=1, holder=holder, term=1, expires_at=NOW + lease, ticked_at=NOW)
        .on_conflict_do_update(
            index_elements=["id"],
            set_={"holder": holder, "term": BeatLease.term + cast(new_term, Integer), "expires_at": NOW + lease},
            where=or_(BeatLease.holder == holder, BeatLease.expires_at <= NOW),
        )
        .returning(BeatLease.term)
    )
    if term is None:
        return None
    margin = min(TRUST_MARGIN, lease / 5)
    return Lease(holder, term, attempt_started + (lease - margin).total_seconds())


def confirm_term(session: Session, lease: Lease) -> None:
    """Lock the lease until the transaction ends, so that all it writes is written under a current term.

    Raises `StaleTerm`.
    """
    release_locks_when_frozen(session)
    confirmed = session.scalar(
        update(BeatLease)
        .where(BeatLease.holder == lease.holder, BeatLease.term == lease.term, BeatLease.expires_at > NOW)
        .values(ticked_at=NOW)
        .returning(BeatLease.term)
    )
    if confirmed is None:
        raise StaleTerm(f"term {lease.term} is over")


def resign(session: Session, lease: Lease) -> None:
    """End our lease now, so that a standby need not wait for its end."""
    session.execute(
        update(BeatLease)
        .where(BeatLease.holder == lease.holder, BeatLease.term == lease.term, BeatLease.expires_at > NOW)
        .values(expires_at=NOW)
    )


def release_locks_when_frozen(session: Session) -> None:
    """Have the server end this transaction when its process stops in the middle: others wait for the rows it locked."""
    session.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{FROZEN_AFTER}'"))
