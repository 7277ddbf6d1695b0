"""Files that are put back bring all their marks along: what lies outside the database notices, before the first text.

Each test has a PostgreSQL of its own, whose files it keeps, copies, puts back, recovers or promotes.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis

from services.cli.laptop.guard import Guard
from services.cli.laptop.ports import free_ports
from services.cli.laptop.postgres import PostgresCluster, prepare_postgres
from services.core.domain.failures import Conflict
from services.core.storage.migrate import upgrade
from services.core.storage.rights import Component
from services.core.usecases.context import Context
from services.core.usecases.messages.dispatch import Dispatcher
from services.core.usecases.operations.recover import adopt, recover
from services.core.usecases.operations.sending import sending_state
from services.core.usecases.webhooks.audit_gaps import audit_gaps
from tests.conftest import PASSWORD, PostgresProcess, ValkeyProcess
from tests.tools.simulator import RunningSimulator
from tests.tools.waiting import wait_until
from tests.tools.world import World, new_number

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

AT_THE_COPY, TEXTS, LEFT = 4, 14, 3
ROUNDS = 8
Memory = dict[str, str]
DATABASE = "installation"


@dataclass
class Ground:
    """A database server in a folder, the world on it, and hands to do with the files as an administrator would."""

    folder: Path
    guard: Guard
    world: World
    server: PostgresProcess
    cluster: PostgresCluster

    @property
    def files(self) -> Path:
        return self.cluster.data

    def copy(self) -> Path:
        """The stopped folder, copied; it runs again after that."""
        kept = self.folder / "kept"
        self.server.stop()
        _copy(self.files, kept)
        self.start()
        return kept

    def base_backup(self, name: str = "base", *options: str) -> Path:
        """A copy of the running server, as a backup or the beginning of a standby."""
        target = self.folder / name
        program = str(self.cluster.binaries / "pg_basebackup")
        address = self.cluster.url("postgres", driver="postgresql")
        done = self.cluster.unprivileged.run(
            program, "-D", str(target), "-d", address, "-c", "fast", "-X", "stream", *options
        )
        assert done.returncode == 0, done.stderr
        return target

    def put_back(self, kept: Path) -> None:
        """Kill the server and put files in the place of its own."""
        self.server.kill()
        shutil.rmtree(self.files)
        _copy(kept, self.files)
        self.start()

    def restart(self, end: Callable[[PostgresProcess], None]) -> None:
        end(self.server)
        self.start()

    def start(self) -> None:
        self.server.start()
        self.world.disconnect()

    def elsewhere(self, files: Path, **settings: object) -> tuple[PostgresProcess, Context]:
        """A second server on these files, and a process that uses it."""
        [port] = free_ports(1)
        cluster = prepare_postgres(files, port=port, password=PASSWORD)
        server = PostgresProcess(cluster, self.guard, self.folder / f"{files.name}.log")
        server.start()
        return server, self.world.another(database_url=server.url(DATABASE), **settings)

    def move_to(self, context: Context) -> None:
        """The world's database is the one that this process uses, from now on."""
        self.world.disconnect()
        self.world.database_url = context.settings.database_url.get_secret_value()
        self.world.settings, self.world.context = context.settings, context


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


@pytest.fixture(scope="module")
def migrated_files(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Path:
    """The files of a stopped server with a migrated database."""
    folder = tmp_path_factory.mktemp("migrated")
    cluster = prepare_postgres(folder / "postgres", port=free_ports(1)[0], password=PASSWORD)
    server = PostgresProcess(cluster, guard, folder / "server.log")
    server.start()
    server.execute(f"CREATE DATABASE {DATABASE}")
    upgrade(server.url(DATABASE), passwords=dict.fromkeys(Component, PASSWORD))
    server.stop()
    return cluster.data


@pytest.fixture
def ground(
    migrated_files: Path,
    tmp_path_factory: pytest.TempPathFactory,
    guard: Guard,
    valkey_server: ValkeyProcess,
    simulator_process: RunningSimulator,
) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("ground")
    _copy(migrated_files, folder / "postgres")
    cluster = prepare_postgres(folder / "postgres", port=free_ports(1)[0], password=PASSWORD)
    server = PostgresProcess(cluster, guard, folder / "server.log")
    server.start()
    simulator_process.reset(keep_webhooks=False)
    world = World(server.url(DATABASE), valkey_server.url, simulator_process, {"place": "here"}, logins_of=DATABASE)
    yield Ground(folder, guard, world, server, cluster)
    world.close()
    if server.is_running:
        server.stop()


@dataclass
class Campaign:
    """Texts to as many people; the first few leave before the copy, the last few are never sent before the fall."""

    world: World

    def __post_init__(self) -> None:
        self.numbers = [new_number() for _ in range(TEXTS)]
        self.ids = [self.world.message(number, body=f"To {number}. Reply STOP to opt out.") for number in self.numbers]

    def send(self, ids: Sequence[int]) -> None:
        """As dispatch would: what a task had no time for, or put off, comes again."""
        for _ in range(ROUNDS):
            self.world.send(*ids)
            if all(self.world.status(message_id) != "pending" for message_id in ids):
                return

    def begin(self) -> None:
        self.send(self.ids[:AT_THE_COPY])
        assert len(self.world.texts()) == AT_THE_COPY

    def go_on(self) -> None:
        """Nearly to the end; then somebody who still waits for a text says STOP, and is answered 2xx."""
        self.send(self.ids[:-LEFT])
        assert len(self.world.texts()) == TEXTS - LEFT
        self.says_stop(self.numbers[-1])

    def says_stop(self, number: str) -> None:
        message = self.world.simulator.inject_inbound(number, "STOP")
        self.world.receive(self.world.text_from(number, "STOP", provider_id=str(message["id"])))

    def try_all(self) -> None:
        """As everything does that could make a text leave: dispatch, the tasks that wait, those that come again."""
        Dispatcher(self.world.beat).dispatch()
        self.world.send(*self.ids)
        self.world.send(*self.ids)

    def sends_nothing_until_adopted(self) -> None:
        """No text leaves; after a person's word nobody has two, and who said STOP has none."""
        left = len(self.world.texts())
        self.try_all()
        assert sending_state(self.world.console).rewound
        assert audit_gaps(self.world.operations_worker) == {"skipped": "database_rewound"}
        self.try_all()
        assert len(self.world.texts()) == left
        recover(self.world.console, by="maria")
        self.try_all()
        assert len(self.world.texts()) == left
        adopt(self.world.console, reason="a drill", by="maria")
        self.goes_on_to_the_end()

    def goes_on_to_the_end(self) -> None:
        assert not sending_state(self.world.console).rewound
        self.send(self.ids)
        written_to = [line["to"] for line in self.world.texts()]
        assert sorted(map(str, written_to)) == sorted(self.numbers[:-1])


@pytest.fixture
def campaign(ground: Ground) -> Campaign:
    return Campaign(ground.world)


class TestPutBack:
    """The database is behind: whoever notices it, nothing leaves."""

    def test_the_files_of_a_stopped_folder(self, ground: Ground, campaign: Campaign) -> None:
        campaign.begin()
        kept = ground.copy()
        campaign.go_on()
        ground.put_back(kept)
        assert "there were" in str(sending_state(ground.world.console).rewound_because)
        campaign.sends_nothing_until_adopted()

    def test_what_was_put_back_after_an_adoption_is_noticed_again(self, ground: Ground, campaign: Campaign) -> None:
        campaign.begin()
        kept = ground.copy()
        campaign.go_on()
        ground.put_back(kept)
        adopt(ground.world.console, reason="a drill", by="maria")
        ground.put_back(kept)
        campaign.sends_nothing_until_adopted()

    def test_all_disks_at_once_so_that_only_the_provider_can_tell(self, ground: Ground, campaign: Campaign) -> None:
        campaign.begin()
        witnessed = _witnessed(ground.world)
        kept = ground.copy()
        campaign.go_on()
        ground.put_back(kept)
        _let_witness(ground.world, witnessed)
        assert not sending_state(ground.world.console).rewound
        campaign.sends_nothing_until_adopted()

    def test_a_base_backup(self, ground: Ground, campaign: Campaign) -> None:
        campaign.begin()
        kept = ground.base_backup()
        campaign.go_on()
        ground.put_back(kept)
        campaign.sends_nothing_until_adopted()

    @pytest.mark.parametrize("is_witnessed", [True, False], ids=["witness", "no witness"])
    def test_a_point_in_time(self, ground: Ground, campaign: Campaign, is_witnessed: bool) -> None:
        archive = ground.folder / "archive"
        archive.mkdir()
        shutil.chown(archive, *_owner(ground.files))
        for setting in ("archive_mode = on", f"archive_command = 'cp %p {archive}/%f'"):
            ground.server.execute(f"ALTER SYSTEM SET {setting}")
        ground.restart(PostgresProcess.stop)
        kept = ground.base_backup()
        campaign.begin()
        ground.server.execute("SELECT pg_create_restore_point('lunch')")
        campaign.go_on()
        ground.server.execute("SELECT pg_switch_wal()")
        wait_until(lambda: len(list(archive.iterdir())) >= 2)
        with (kept / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"restore_command = 'cp {archive}/%f %p'\n")
            settings.write("recovery_target_name = 'lunch'\nrecovery_target_action = 'promote'\n")
        (kept / "recovery.signal").touch()
        shutil.chown(kept / "recovery.signal", *_owner(ground.files))
        ground.put_back(kept)
        wait_until(lambda: ground.server.answers("SELECT NOT pg_is_in_recovery()"))
        if not is_witnessed:
            _forget(ground.world)
        campaign.sends_nothing_until_adopted()

    def test_a_standby_that_lacks_the_end(self, ground: Ground, campaign: Campaign) -> None:
        campaign.begin()
        standby = ground.base_backup("standby")
        campaign.go_on()
        ground.server.kill()
        (standby / "standby.signal").touch()
        shutil.chown(standby / "standby.signal", *_owner(standby))
        server, context = ground.elsewhere(standby, place="")
        try:
            server.execute("SELECT pg_promote()")
            ground.move_to(context)
            campaign.sends_nothing_until_adopted()
        finally:
            ground.world.disconnect()
            server.stop()

    def test_a_stop_alone_that_was_forgotten_is_heard_again_first(self, ground: Ground, campaign: Campaign) -> None:
        campaign.send(campaign.ids[:-LEFT])
        kept = ground.copy()
        campaign.says_stop(campaign.numbers[-1])
        ground.put_back(kept)
        campaign.goes_on_to_the_end()

    def test_a_process_that_lived_through_it_sends_nothing_either(self, ground: Ground, campaign: Campaign) -> None:
        """It was vouched for, has a connection and a limiter; the database is changed under it."""
        campaign.begin()
        witness = ground.world.campaign_worker
        kept = ground.copy()
        campaign.go_on()
        ground.server.kill()
        shutil.rmtree(ground.files)
        _copy(kept, ground.files)
        ground.server.start()
        assert ground.world.campaign_worker is witness
        assert witness.vouched is not None
        campaign.sends_nothing_until_adopted()


class TestTwoCopies:
    """Of one stopped folder, with all that lies beside the database, and both are started."""

    def test_the_first_goes_on_and_the_copy_waits_for_a_person(self, ground: Ground, campaign: Campaign) -> None:
        campaign.begin()
        copied = ground.copy()
        server, context = ground.elsewhere(copied, place="there", redis_url=_with_the_same_memory(ground.world))
        try:
            campaign.go_on()
            assert "copy" in str(sending_state(context).rewound_because)
            ground.move_to(context)
            campaign.sends_nothing_until_adopted()
        finally:
            ground.world.disconnect()
            server.stop()

    def test_neither_of_two_sends_when_the_first_is_gone(self, ground: Ground, campaign: Campaign) -> None:
        campaign.begin()
        ground.world.options["place"] = "here now"
        ground.world.settings = ground.world.settings_with()
        copied = ground.copy()
        ground.world.context = Context(ground.world.settings)
        server, context = ground.elsewhere(copied, place="there", redis_url=_with_the_same_memory(ground.world))
        try:
            campaign.try_all()
            one = ground.world.context
            ground.world.context = context
            campaign.try_all()
            assert len(campaign.world.texts()) == AT_THE_COPY
            ground.world.context = one
            campaign.says_stop(campaign.numbers[-1])
            campaign.sends_nothing_until_adopted()
        finally:
            context.close()
            server.stop()

    def test_a_copy_that_shares_the_witness_stops_the_other_once_adopted(
        self, ground: Ground, campaign: Campaign
    ) -> None:
        """Two databases and one Redis, as when a snapshot is mounted beside the first."""
        campaign.begin()
        copied = ground.copy()
        campaign.says_stop(campaign.numbers[-1])
        server, context = ground.elsewhere(copied, place="there")
        try:
            assert ground.world.send(campaign.ids[AT_THE_COPY]) == 1
            adopt(context, reason="it is this one", by="maria")
            campaign.try_all()
            assert len(ground.world.texts()) == AT_THE_COPY + 1
            assert sending_state(ground.world.console).rewound
            ground.move_to(context)
            campaign.goes_on_to_the_end()
        finally:
            context.close()
            server.stop()


class TestOrdinaryDays:
    """Nothing was forgotten: it goes on without a person, whatever was restarted or emptied."""

    @pytest.mark.parametrize("end", [PostgresProcess.stop, PostgresProcess.kill], ids=["restart", "crash"])
    @pytest.mark.parametrize("is_emptied", [False, True], ids=["witness", "no witness"])
    def test_a_restart(
        self, ground: Ground, campaign: Campaign, end: Callable[[PostgresProcess], None], is_emptied: bool
    ) -> None:
        campaign.begin()
        campaign.go_on()
        if is_emptied:
            _forget(ground.world)
        ground.restart(end)
        campaign.goes_on_to_the_end()

    def test_a_restart_under_a_running_process(self, ground: Ground, campaign: Campaign) -> None:
        campaign.begin()
        campaign.go_on()
        ground.server.kill()
        ground.server.start()
        campaign.goes_on_to_the_end()

    def test_an_emptied_redis_in_the_middle(self, ground: Ground, campaign: Campaign) -> None:
        campaign.begin()
        _forget(ground.world)
        campaign.go_on()
        assert int(_witnessed(ground.world)["epoch"]) == TEXTS - LEFT
        campaign.goes_on_to_the_end()

    def test_an_older_state_of_redis(self, ground: Ground, campaign: Campaign) -> None:
        campaign.begin()
        witnessed = _witnessed(ground.world)
        campaign.go_on()
        _let_witness(ground.world, witnessed)
        ground.restart(PostgresProcess.kill)
        campaign.goes_on_to_the_end()

    def test_a_failover_that_lost_nothing(self, ground: Ground, campaign: Campaign) -> None:
        standby = ground.base_backup("standby", "-R")
        server, context = ground.elsewhere(standby)
        try:
            campaign.begin()
            campaign.go_on()
            written = ground.world.value("SELECT pg_current_wal_lsn()::text")
            replayed = f"SELECT pg_last_wal_replay_lsn() >= '{written}'"
            ground.move_to(context)
            wait_until(lambda: server.answers(replayed))
            ground.server.kill()
            server.execute("SELECT pg_promote()")
            campaign.goes_on_to_the_end()
        finally:
            ground.world.disconnect()
            server.stop()

    def test_texts_that_people_send_by_hand_from_the_same_number(self, ground: Ground, campaign: Campaign) -> None:
        campaign.begin()
        campaign.go_on()
        ground.server.kill()
        ground.world.simulator.send(new_number(), "I'm at your door.")
        ground.start()
        campaign.try_all()
        assert not sending_state(ground.world.console).rewound
        assert len(ground.world.texts()) == TEXTS

    def test_a_text_in_doubt_that_the_provider_has(self, ground: Ground, campaign: Campaign) -> None:
        campaign.begin()
        ground.world.simulator.add_fault("server_error", created=1, times=1)
        campaign.go_on()
        ground.restart(PostgresProcess.kill)
        campaign.goes_on_to_the_end()

    def test_has_nothing_to_adopt(self, ground: Ground, campaign: Campaign) -> None:
        campaign.begin()
        ground.restart(PostgresProcess.kill)
        with pytest.raises(Conflict, match="not restored"):
            recover(ground.world.console, by="maria")


def _key(world: World) -> str:
    return f"witness:{world.context.key_fingerprint}"


def _witnessed(world: World) -> Memory:
    with Redis.from_url(world.redis_url, decode_responses=True) as client:
        return dict(client.hgetall(_key(world)))


def _let_witness(world: World, witnessed: Memory) -> None:
    with Redis.from_url(world.redis_url) as client:
        client.delete(_key(world))
        client.hset(_key(world), mapping=dict(witnessed))


def _forget(world: World) -> None:
    """As FLUSHALL, and without the limiter's pause after one."""
    with Redis.from_url(world.redis_url) as client:
        client.flushall()
    world._fill_limiter()


def _with_the_same_memory(world: World) -> str:
    """Another Redis that knows what the world's does: the one in the copied folder."""
    url = f"{world.redis_url.rpartition('/')[0]}/1"
    with Redis.from_url(world.redis_url) as client:
        for key in client.scan_iter():
            client.copy(key, key, destination_db=1, replace=True)
    return url


def _owner(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_uid, found.st_gid
