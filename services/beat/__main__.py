"""The clock of an installation: `python -m services.beat`. Any number may run; one of them acts."""

import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from types import FrameType

import structlog

from services.beat.leader import Leader
from services.beat.loop import Chore, Loop, ProbeFiles
from services.core.runtime import failpoints
from services.core.runtime.logs import configure_logs
from services.core.runtime.settings import Settings, SettingsInvalid, settings
from services.core.storage.beat_lease import Lease
from services.core.storage.database import DatabaseUnavailable
from services.core.storage.migrate import SchemaNotReady, wait_for_schema
from services.core.usecases.tick_schedule import tick_schedule

log = structlog.get_logger()

TICK_EVERY = timedelta(seconds=1)
SHORTEST_LEASE = timedelta(seconds=3)  # scaled durations must not make leaders change with every hiccup
SCHEMA_LOOK = timedelta(seconds=5)


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


def main() -> int:
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        _run(settings(), stop)
    except SettingsInvalid as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except StopRequested:
        log.info("beat.stopped")
    return 0


def _run(settings: Settings, stop: Stop) -> None:
    from services.core.usecases.context import open_context
    from services.core.usecases.dispatch import Dispatcher
    from services.core.usecases.sweep import sweep

    configure_logs(settings)
    failpoints.arm(settings.failpoints)
    files = ProbeFiles(settings.run_dir)
    files.withdraw()
    context = open_context(settings)
    database, broker, timings = context.database, context.broker, settings.timings
    _await_database(settings, files, context.prepare)
    dispatcher = Dispatcher(context)

    def tick(lease: Lease) -> int:
        again_after = timings.unleased_after
        return tick_schedule(database, broker, lease, zone=settings.business_zone, publish_again_after=again_after)

    leader = Leader(database, length=max(timings.beat_lease, SHORTEST_LEASE))
    chores = [
        Chore("tick", TICK_EVERY, tick),
        Chore("dispatch", timings.dispatch_every, lambda _lease: dispatcher.dispatch()),
        Chore("sweep", timings.sweep_every, lambda _lease: sweep(context)),
    ]
    try:
        Loop(leader, chores, files).run(lambda: stop.is_requested)
    finally:
        files.withdraw()
        leader.resign()
        context.close()


def _await_database(settings: Settings, files: ProbeFiles, prepare: Callable[[], None]) -> None:
    """Return when the schema is there and the database is ours; alive and not ready until then."""
    while True:
        files.write(is_ready=False)
        try:
            wait_for_schema(settings.database_url.get_secret_value(), timeout=SCHEMA_LOOK)
            return prepare()
        except (SchemaNotReady, DatabaseUnavailable) as error:
            log.warning("beat.database_awaited", error=str(error))


if __name__ == "__main__":
    sys.exit(main())
