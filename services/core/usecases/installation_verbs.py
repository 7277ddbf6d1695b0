"""Switches of the whole installation: stop and resume sending, and the product clock of a simulated one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.core.domain.failures import Conflict, RefusedInput
from services.core.storage import audit, clock, installation
from services.core.storage.database import Session
from services.core.usecases.context import Context


@dataclass(frozen=True, slots=True)
class SendingState:
    """`rewound`: the database was restored, cloned or failed over, and nobody has adopted it yet."""

    rewound: bool
    stopped_at: datetime | None
    stopped_by: str | None
    reason: str | None
    breaker_open_until: datetime | None
    breaker_reason: str | None


@dataclass(frozen=True, slots=True)
class ClockState:
    """Product time, the database's own time, and the offset between them."""

    product_now: datetime
    real_now: datetime
    offset: timedelta


def stop_sending(context: Context, *, reason: str, by: str) -> SendingState:
    """Let nothing more be submitted, from the next submission on, until somebody resumes."""
    if not reason.strip():
        raise RefusedInput("reason_missing", "say why sending stops: others will ask", pointer="/reason")
    with context.database.transaction() as session:
        installation.stop_sending(session, at=clock.product_now(session), by=by, reason=reason)
        audit.record(session, actor=by, act="sending.stopped", subject="installation", detail={"reason": reason})
    return sending_state(context)


def resume_sending(context: Context, *, by: str) -> SendingState:
    """Send again; also closes a breaker that the provider's refusal opened."""
    with context.database.transaction() as session:
        installation.resume_sending(session)
        audit.record(session, actor=by, act="sending.resumed", subject="installation")
    return sending_state(context)


def sending_state(context: Context) -> SendingState:
    with context.database.reading() as session:
        row = installation.read(session)
        return SendingState(
            rewound=row.is_rewound,
            stopped_at=row.sending_stopped_at,
            stopped_by=row.sending_stopped_by,
            reason=row.sending_stop_reason,
            breaker_open_until=row.breaker_open_until,
            breaker_reason=row.breaker_reason,
        )


def read_clock(context: Context) -> ClockState:
    with context.database.reading() as session:
        offset = installation.read(session).clock_offset
        return ClockState(product_now=clock.product_now(session), real_now=clock.real_now(session), offset=offset)


def product_time(session: Session) -> datetime:
    """Product time now, in a session that is open already."""
    return clock.product_now(session)


def move_clock(context: Context, to: datetime, *, by: str) -> ClockState:
    """Move product time forward to an instant. Raises `RefusedInput` backwards, `Conflict` off the simulator."""
    if not context.is_simulated:
        raise Conflict("clock_is_real", "product time moves only while the provider is the simulator")
    with context.database.transaction() as session:
        now, offset = clock.product_now(session), installation.read(session).clock_offset
        if to <= now:
            raise RefusedInput("clock_backwards", f"product time is {now.isoformat()}: it only moves forward")
        installation.move_clock(session, offset + (to - now))
        audit.record(session, actor=by, act="clock.moved", subject="installation", detail={"to": to.isoformat()})
    return read_clock(context)
