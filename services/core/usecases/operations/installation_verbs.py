"""Switches of the whole installation: stop and resume sending, and the product clock of a simulated one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.core.domain.failures import Conflict, RefusedInput
from services.core.openphone.simulator_clock import SimulatorClock
from services.core.storage import audit, clock, installation
from services.core.storage.database import Session
from services.core.usecases.context import Context
from services.core.usecases.operations.suspicion import RESTORED, suspicion

A_MOMENT = timedelta(seconds=10)
"""Passes between reading two clocks and moving one of them behind the other."""


@dataclass(frozen=True, slots=True)
class SendingState:
    """`rewound`: the database may have forgotten what was sent, and nobody has adopted it yet; `rewound_because`."""

    rewound: bool
    stopped_at: datetime | None
    stopped_by: str | None
    reason: str | None
    breaker_open_until: datetime | None
    breaker_reason: str | None
    rewound_because: str | None


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
    """The switches as they are now; a database that was put back is known as one before anything was to be sent."""
    suspected = suspicion(context)
    with context.database.reading() as session:
        row = installation.read(session)
        because = (row.doubt or RESTORED) if row.is_rewound else suspected
        return SendingState(
            rewound=because is not None,
            stopped_at=row.sending_stopped_at,
            stopped_by=row.sending_stopped_by,
            reason=row.sending_stop_reason,
            breaker_open_until=row.breaker_open_until,
            breaker_reason=row.breaker_reason,
            rewound_because=because,
        )


def read_clock(context: Context) -> ClockState:
    with context.database.reading() as session:
        offset = installation.read(session).clock_offset
        return ClockState(product_now=clock.product_now(session), real_now=clock.real_now(session), offset=offset)


def product_time(session: Session) -> datetime:
    """Product time now, in a session that is open already."""
    return clock.product_now(session)


def move_clock(context: Context, to: datetime, *, by: str) -> ClockState:
    """Move product time forward to an instant, ours and the simulator's.

    Raises `RefusedInput` backwards, `Conflict` off the simulator or behind its clock, and `ProviderUnreachable` when
    it does not answer; ours is unchanged then.
    """
    if not context.is_simulated:
        raise Conflict("clock_is_real", "product time moves only while the provider is the simulator")
    simulator = SimulatorClock(context.settings.provider_base_url)
    reached = simulator.offset()
    with context.database.transaction() as session:
        now, offset = clock.product_now(session), installation.read(session).clock_offset
        if to <= now:
            raise RefusedInput("clock_backwards", f"product time is {now.isoformat()}: it only moves forward")
        wanted = offset + (to - now)
        if wanted < reached:
            least = (now - offset + reached).isoformat()
            raise Conflict("simulator_is_ahead", f"the simulator's clock is at {least} already: move there or further")
        installation.move_clock(session, wanted)
        audit.record(session, actor=by, act="clock.moved", subject="installation", detail={"to": to.isoformat()})
    simulator.move(wanted)
    return read_clock(context)


def align_clocks(context: Context, *, by: str) -> None:
    """Have both clocks at the later one's time, as they are after any move: one of the two may have been put back.

    Raises `ProviderUnreachable`.
    """
    simulator = SimulatorClock(context.settings.provider_base_url)
    reached, state = simulator.offset(), read_clock(context)
    if reached > state.offset:
        move_clock(context, state.real_now + reached + A_MOMENT, by=by)
    else:
        simulator.move(state.offset)
