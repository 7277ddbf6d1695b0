"""A PgBouncer in front of the tests' PostgreSQL."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.cli.laptop.ports import free_ports
from tests.tools.waiting import wait_until

PGBOUNCER = shutil.which("pgbouncer")
MISSING = "there is no pgbouncer here: apt-get install pgbouncer"


@contextmanager
def pooler(database_url: str, *, mode: str, folder: Path) -> Iterator[str]:
    """The address of the same database through a pooler of this mode (transaction, session or statement)."""
    [port] = free_ports(1)
    account, _, rest = database_url.partition("://")[2].partition("@")
    server, _, name = rest.partition("/")
    host, _, server_port = server.partition(":")
    user, _, password = account.partition(":")
    (folder / "pgbouncer.ini").write_text(f"""
        [databases]
        * = host={host} port={server_port} user={user} password={password}
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {port}
        unix_socket_dir =
        auth_type = any
        pool_mode = {mode}
        ignore_startup_parameters = extra_float_digits
    """)
    for parent in (folder, *folder.parents):
        if parent == folder or parent.name.startswith("pytest"):
            parent.chmod(0o755)
    with (folder / "log").open("wb") as log:
        command = [str(PGBOUNCER), "--user", "nobody", str(folder / "pgbouncer.ini")]
        process = subprocess.Popen(command, stderr=log, stdout=log)
    try:
        wait_until(lambda: "process up" in (folder / "log").read_text())
        yield f"postgresql://{account}@127.0.0.1:{port}/{name}"
    finally:
        process.terminate()
        process.wait()
