"""A database whose product time can be set, a broker to look into, and real beat processes."""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from redis import Redis
from sqlalchemy import func, select, text

from services.core.domain.schedule import JOBS
from services.core.queue.names import Queue
from services.core.runtime import failpoints
from services.core.runtime.settings import read_settings
from services.core.storage import beat_lease, installation
from services.core.storage.beat_lease import Lease
from services.core.storage.clock import product_now, real_now
from services.core.storage.models import BeatLease, ScheduledRun
from services.core.storage.rights import Component
from services.core.usecases.context import Context
from services.core.usecases.schedule.missing_runs import missing_runs
from services.core.usecases.schedule.tick import tick_schedule
from tests.conftest import ValkeyProcess, signed_in
from tests.tools.business_calendar import CLEANUP, DAILY, HALF_HOURLY, HOURLY

ROOT = Path(__file__).parents[3]
ZONE = "America/New_York"
Queued = Callable[[], list[int]]
Drill = Callable[[str], None]
FOUR = tuple(JOBS[name] for name in (DAILY, HALF_HOURLY, HOURLY, CLEANUP))
"""The jobs of the specification, which the calendar knows; those in between would only make it longer."""


class Ledger:
    """The schedule as a test sees it and moves its clock; `tick` is one tick of an in-process leader, of four jobs."""

    zone = ZONE

    def __init__(self, context: Context) -> None:
        self.context = context
        self.database = context.database

    def now(self) -> datetime:
        with self.database.reading() as session:
            return product_now(session)

    def set_time(self, wall_time: str) -> datetime:
        """Move product time forward to a wall clock time of the business."""
        instant = datetime.fromisoformat(wall_time).replace(tzinfo=ZoneInfo(ZONE))
        self.move_to(instant)
        return instant

    def move_to(self, instant: datetime) -> None:
        with self.database.transaction() as session:
            installation.move_clock(session, instant - real_now(session))

    def take_lease(self, holder: str = "this-test", *, length: timedelta = timedelta(minutes=5)) -> Lease:
        with self.database.transaction() as session:
            lease = beat_lease.acquire_or_renew(session, holder=holder, lease=length)
        assert lease is not None
        return lease

    def resign(self, lease: Lease) -> None:
        with self.database.transaction() as session:
            beat_lease.resign(session, lease)

    def tick(self, lease: Lease, *, publish_again_after: timedelta | None = None) -> int:
        return tick_schedule(self.context, lease, jobs=FOUR, publish_again_after=publish_again_after)

    def runs(self, job: str | None = None) -> list[ScheduledRun]:
        query = select(ScheduledRun).order_by(ScheduledRun.due_at, ScheduledRun.job)
        with self.database.reading() as session:
            return list(session.scalars(query.where(ScheduledRun.job == job) if job else query))

    def run(self, run_id: int) -> ScheduledRun:
        with self.database.reading() as session:
            return session.get_one(ScheduledRun, run_id)

    def outcomes(self, job: str) -> list[tuple[str, str, str | None]]:
        """Wall clock time, status and reason of each run."""
        return [(f"{run.due_at.astimezone(ZoneInfo(ZONE)):%dT%H:%M}", run.status, run.reason) for run in self.runs(job)]

    def holder(self) -> tuple[str, int] | None:
        """Who has the live lease, under which term."""
        query = select(BeatLease.holder, BeatLease.term).where(BeatLease.expires_at > func.clock_timestamp())
        with self.database.reading() as session:
            row = session.execute(query).one_or_none()
            return (row.holder, row.term) if row else None

    def term(self) -> int:
        """The term of the live lease; somebody must have it."""
        holder = self.holder()
        assert holder is not None
        return holder[1]

    def stands_in_a_transaction(self, *, for_seconds: float) -> bool:
        """Whether somebody has begun one so long ago and now neither asks nor ends it."""
        query = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state = 'idle in transaction' AND xact_start < clock_timestamp() - :age * interval '1 second'"
        )
        with self.database.reading() as session:
            return bool(session.scalar(query, {"age": for_seconds}))

    def missing(self, since: datetime, until: datetime) -> list[tuple[str, datetime]]:
        with self.database.reading() as session:
            return missing_runs(session, zone=ZONE, since=since, until=until)


class BeatProcess:
    """One process of the clock."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        folder.mkdir()
        self.folder = folder
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("beat_process.py"))],
                env=os.environ | environment | {"PYTHONPATH": str(ROOT), "ATTACKACRACK_RUN_DIR": str(folder)},
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def holds(self, ledger: Ledger) -> bool:
        holder = ledger.holder()
        return holder is not None and f":{self.process.pid}:" in holder[0]

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def age(self, name: str) -> float:
        return time.time() - (self.folder / name).stat().st_mtime

    def events(self, event: str) -> list[dict[str, Any]]:
        lines = (self.folder / "log").read_text().splitlines()
        parsed = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in parsed if line["event"] == event]

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)


StartBeat = Callable[..., BeatProcess]


@pytest.fixture
def drill() -> Iterator[Drill]:
    """Arm failpoints in this process until the test ends."""
    yield failpoints.arm
    failpoints.arm("")


@pytest.fixture
def ledger(database_url: str, valkey_server: ValkeyProcess) -> Iterator[Ledger]:
    context = Context(read_settings(database_url=database_url, redis_url=valkey_server.url))
    with context.database.transaction() as session:
        installation.ensure(
            session, provider="simulator", environment="development", key_fingerprint=context.key_fingerprint
        )
    yield Ledger(context)
    context.close()


@pytest.fixture
def redis_client(valkey_server: ValkeyProcess) -> Iterator[Redis]:
    with Redis.from_url(valkey_server.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def queued(valkey_server: ValkeyProcess) -> Iterator[Queued]:
    """The run ids that lie in the queues, in any order."""
    with Redis.from_url(valkey_server.url, decode_responses=True) as client:

        def ids() -> list[int]:
            envelopes = [json.loads(each) for queue in Queue for each in client.lrange(queue, 0, -1)]
            bodies = [json.loads(base64.b64decode(envelope["body"])) for envelope in envelopes]
            return sorted(int(id_) for [[ids], _, _] in bodies for id_ in ids)

        yield ids


@pytest.fixture
def start_beat(ledger: Ledger, database_url: str, valkey_server: ValkeyProcess, tmp_path: Path) -> Iterator[StartBeat]:
    """Start a beat process; `failpoints` arms it for a drill, `lease` is how long it leads without renewing."""
    beats: list[BeatProcess] = []

    def start(*, failpoints: str = "", lease: str = "PT3S") -> BeatProcess:
        environment = {
            "ATTACKACRACK_DATABASE_URL": signed_in(database_url, Component.BEAT),
            "ATTACKACRACK_REDIS_URL": valkey_server.url,
            "ATTACKACRACK_DURATIONS__BEAT_LEASE": lease,
            "ATTACKACRACK_FAILPOINTS": failpoints,
        }
        beats.append(BeatProcess(tmp_path / f"beat-{len(beats)}", environment))
        return beats[-1]

    yield start
    for beat in beats:
        beat.end()
