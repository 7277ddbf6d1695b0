"""The product clock: read it, and move it while the provider is the simulator."""

from datetime import datetime, timedelta

from services.core.domain.failures import Conflict, RefusedInput
from services.core.openphone.simulator_clock import SimulatorClock
from services.core.storage import audit, clock, installation
from services.core.storage.database import Session
from services.core.usecases.context import Context
from services.core.views.installation import Clock

A_MOMENT = timedelta(seconds=10)
"""Passes between reading two clocks and moving one of them behind the other."""


def read_clock(context: Context) -> Clock:
    """Product time, the database's own time, and the offset between them."""
    with context.database.reading() as session:
        offset = installation.read(session).clock_offset
        return Clock(product_now=clock.product_now(session), real_now=clock.real_now(session), offset=offset)


def product_time(session: Session) -> datetime:
    """Product time now, in a session that is open already."""
    return clock.product_now(session)


def move_clock(context: Context, to: datetime, *, by: str) -> Clock:
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
