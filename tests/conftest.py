"""Real servers for the tests: one PostgreSQL and one Valkey per test process, a fresh database per test."""

import itertools
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

import psycopg
import pytest
import structlog
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from services.cli.laptop import postgres
from services.cli.laptop.guard import Guard
from services.cli.laptop.ports import free_ports
from services.cli.laptop.postgres import USER, PostgresCluster, Unprivileged, prepare_postgres
from services.cli.laptop.process_table import read_families
from services.cli.laptop.valkey import ValkeyServer, prepare_valkey
from tests.tools.surroundings import forget_the_callers, nowhere
from tests.tools.waiting import wait_until

forget_the_callers()  # before a test's module is imported

# A machine that is busy fails no property, and a suite that was green stays so: the same examples each time. New ones
# are tried by `make fuzz`, that is `--hypothesis-profile=exploring`.
for name, is_repeatable in {"exploring": False, "repeatable": True}.items():
    hypothesis_settings.register_profile(
        name, deadline=None, derandomize=is_repeatable, suppress_health_check=[HealthCheck.too_slow]
    )
hypothesis_settings.load_profile("repeatable")

PASSWORD = "for-tests-on-loopback"
END_LIMIT_SECONDS = 30
TEMPLATE = "migrated"
NOT_ON_A_SHARED_VALKEY = ("-config|set", "-replicaof", "-shutdown", "-debug", "-client|kill", "-client|pause")
_numbers = itertools.count(1)


class ServerProcess:
    """One embedded server as a test sees it: a thing to start, stop, kill, freeze and resume."""

    def __init__(self, server: PostgresCluster | ValkeyServer, guard: Guard, log: Path) -> None:
        self.is_shared = False
        """Whether other tests go on with it: then none may take its connections away."""
        self._server = server
        self._guard = guard
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._is_postgres = isinstance(server, PostgresCluster)
        self._ends_with = postgres.DEATH_SIGNAL if self._is_postgres else signal.SIGKILL
        self.port = server.port

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def start(self) -> None:
        """Start and wait until it takes connections."""
        guarded = self._guard.guarded(self._server.command, ends_with=self._ends_with)
        identity = self._server.unprivileged if isinstance(self._server, PostgresCluster) else Unprivileged()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                guarded.command,
                stdout=guarded.stdout,
                stderr=log,
                start_new_session=True,
                cwd="/",
                user=identity.user_id,
                group=identity.group_id,
                extra_groups=identity.extra_groups,
            )
        self._guard.entered(self.pid, ends_with=self._ends_with)
        wait_until(self._is_ready, what=self._log.read_text)

    def stop(self) -> None:
        """End it in order."""
        self._end(postgres.STOP_SIGNAL if self._is_postgres else signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it hold its connections and answer nothing, until `resume`."""
        self._check_own()
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the server ended at its start:\n{self._log.read_text()}"
        if isinstance(self._server, PostgresCluster):
            return self._server.is_ready(self.pid)
        return self._server.is_ready()

    def _check_own(self) -> None:
        assert not self.is_shared, (
            "other tests go on with this server: mark the test own_valkey, or override the fixture in its module"
        )

    def _end(self, number: Signals) -> None:
        self._check_own()
        if self._process is None:
            return
        family = read_families([self.pid]).get(self.pid, ())
        self._process.send_signal(number)
        self._process.send_signal(signal.SIGCONT)
        self._process.wait(timeout=END_LIMIT_SECONDS)
        # A killed PostgreSQL's sessions outlive it for a moment, and while they hold its shared memory none can start.
        wait_until(lambda: not read_families(member.pid for member in family))
        self._guard.left(self._process.pid)
        self._process = None


class PostgresProcess(ServerProcess):
    def __init__(self, server: PostgresCluster, guard: Guard, log: Path) -> None:
        super().__init__(server, guard, log)
        self._cluster = server

    def url(self, database: str = "postgres") -> str:
        return self._cluster.url(database)

    def execute(self, statement: str) -> None:
        """Run one statement outside a transaction on the maintenance database."""
        with psycopg.connect(self._cluster.url("postgres", driver="postgresql"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def answers(self, question: str) -> bool:
        """What a query for one truth says, in a session that a server in recovery allows too."""
        with psycopg.connect(self._cluster.url("postgres", driver="postgresql"), autocommit=True) as connection:
            [(answer,)] = connection.execute(question.encode()).fetchall()
        return bool(answer)

    def create_database(self, *, template: str = "template0") -> str:
        """A new database's URL."""
        name = f"test_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")


class ValkeyProcess(ServerProcess):
    def __init__(self, server: ValkeyServer, guard: Guard, log: Path) -> None:
        super().__init__(server, guard, log)
        self.url = server.url


@dataclass(frozen=True, slots=True)
class MigratedTemplate:
    server: PostgresProcess
    name: str


@pytest.fixture(scope="session", autouse=True)
def _surroundings() -> Iterator[None]:
    with nowhere():
        yield


@pytest.fixture(scope="session", autouse=True)
def _loggers_follow() -> Iterator[None]:
    """A logger that one test has used must still say its lines to what a later test configures or captures."""
    configure = structlog.configure
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", lambda **how: configure(**{**how, "cache_logger_on_first_use": False}))
        yield


@pytest.fixture(scope="session")
def guard() -> Iterator[Guard]:
    with Guard() as watching:
        yield watching


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[PostgresProcess]:
    """The PostgreSQL that the tests of this process share; `.url(database)` for SQLAlchemy."""
    server = start_postgres(tmp_path_factory.mktemp("postgres"), guard)
    server.is_shared = True
    yield server
    server.is_shared = False
    server.stop()


@pytest.fixture(scope="session")
def valkey_process(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[ValkeyProcess]:
    """The Valkey that the tests of this process share; none of them may end, freeze or limit it."""
    import redis

    server = start_valkey(tmp_path_factory.mktemp("valkey"), guard)
    server.is_shared = True
    with redis.Redis.from_url(server.url) as admin:
        admin.execute_command("ACL", "SETUSER", "default", *NOT_ON_A_SHARED_VALKEY)
    yield server
    server.is_shared = False
    server.stop()


@pytest.fixture
def valkey_server(request: pytest.FixtureRequest, tmp_path: Path, guard: Guard) -> Iterator[ValkeyProcess]:
    """A running, empty Valkey; `.url`, `.port`. With the mark `own_valkey` it is the test's own, for faults."""
    if request.node.get_closest_marker("own_valkey"):
        folder = tmp_path / "valkey"
        folder.mkdir()
        own = start_valkey(folder, guard)
        yield own
        own.stop()
        return
    import redis

    shared: ValkeyProcess = request.getfixturevalue("valkey_process")
    with redis.Redis.from_url(shared.url) as client:
        client.flushall()
    yield shared


def start_postgres(folder: Path, guard: Guard) -> PostgresProcess:
    cluster = prepare_postgres(folder / "data", port=free_ports(1)[0], password=PASSWORD, durable=False)
    server = PostgresProcess(cluster, guard, folder / "server.log")
    server.start()
    return server


def make_template(server: PostgresProcess) -> MigratedTemplate:
    from services.core.storage.migrate import upgrade
    from services.core.storage.rights import Component

    server.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
    upgrade(server.url(TEMPLATE), passwords=dict.fromkeys(Component, PASSWORD))
    return MigratedTemplate(server, TEMPLATE)


def start_valkey(folder: Path, guard: Guard) -> ValkeyProcess:
    server = ValkeyProcess(
        prepare_valkey(folder, port=free_ports(1)[0], password=PASSWORD), guard, folder / "server.log"
    )
    server.start()
    return server


@pytest.fixture
def serve(guard: Guard, tmp_path: Path) -> Iterator[Callable[[PostgresCluster | ValkeyServer], ServerProcess]]:
    """Starts a prepared server, for one test."""
    servers = []

    def start(prepared: PostgresCluster | ValkeyServer) -> ServerProcess:
        server = ServerProcess(prepared, guard, tmp_path / "server.log")
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def migrated_template(postgres_server: PostgresProcess) -> MigratedTemplate:
    return make_template(postgres_server)


def signed_in(url: str, component: str, *, of: str = TEMPLATE) -> str:
    """The address with a component's login of the database `of`: a copy of the template keeps that one's rights."""
    return url.replace(f"//{USER}:", f"//{of}_{component}:")


@pytest.fixture
def database_url(migrated_template: MigratedTemplate) -> Iterator[str]:
    """A fresh, migrated database of the test's own."""
    url = migrated_template.server.create_database(template=migrated_template.name)
    yield url
    migrated_template.server.drop_database(url)
