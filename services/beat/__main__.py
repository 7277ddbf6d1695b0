"""The clock of an installation: `python -m services.beat`. Any number may run; one of them acts."""

import signal
from contextlib import suppress
from datetime import timedelta
from types import FrameType

import structlog

from services.beat.leader import Leader
from services.beat.loop import Chore, Loop, ProbeFiles, SideChore
from services.core.runtime.exporting import flush_telemetry, start_telemetry
from services.core.runtime.settings import Settings
from services.core.storage.rights import Component
from services.core.usecases.context import Context, open_context
from services.core.usecases.messages.dispatch import Dispatcher
from services.core.usecases.operations.measure import measure
from services.core.usecases.operations.start_role import start_role
from services.core.usecases.operations.sweep import sweep
from services.core.usecases.schedule.tick import tick_schedule

log = structlog.get_logger()

TICK_EVERY = timedelta(seconds=1)
MEASURE_EVERY = timedelta(seconds=15)
SHORTEST_LEASE = timedelta(seconds=3)  # scaled durations must not make leaders change with every hiccup


class StopRequested(KeyboardInterrupt):
    """SIGTERM came. As a keyboard interrupt, so that the drivers cancel what they wait for."""


class Stop:
    """The signal's handler: interrupts whatever runs, once; the flag stays for code that swallowed the interrupt."""

    def __init__(self) -> None:
        self.is_requested = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if not self.is_requested:
            self.is_requested = True
            raise StopRequested


def run_clock(configured: Settings) -> None:
    """Run until SIGTERM or SIGINT; then give the lease back and return within two seconds."""
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    start_telemetry(configured)
    context, files = open_context(configured), ProbeFiles(configured.run_dir)
    leader = Leader(context.database, length=max(configured.timings.beat_lease, SHORTEST_LEASE))
    with suppress(StopRequested):
        Loop(leader, _chores(context, leader), files).run(lambda: stop.is_requested)
    files.withdraw()
    leader.resign()
    context.close()
    log.info("beat.stopped")
    flush_telemetry()


def _chores(context: Context, leader: Leader) -> list[Chore]:
    configured, dispatcher = context.settings, Dispatcher(context)

    return [
        Chore("tick", TICK_EVERY, lambda lease: tick_schedule(context, lease)),
        Chore("dispatch", configured.timings.dispatch_every, lambda _lease: dispatcher.dispatch()),
        Chore("sweep", configured.timings.sweep_every, lambda _lease: sweep(context)),
        SideChore("measure", MEASURE_EVERY, lambda lease: measure(context, is_wanted=lambda: leader.leads(lease))),
    ]


if __name__ == "__main__":
    start_role(run_clock, component=Component.BEAT)
