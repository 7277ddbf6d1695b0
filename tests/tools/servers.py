"""A PostgreSQL and a Valkey of a measurement's own, as durable as in earnest, with a migrated, prepared database."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.cli.laptop.guard import Guard
from services.cli.laptop.ports import free_ports
from services.cli.laptop.postgres import prepare_postgres
from services.cli.laptop.valkey import prepare_valkey
from services.core.runtime.settings import read_settings
from services.core.storage.migrate import upgrade
from services.core.usecases.context import Context
from tests.conftest import PASSWORD, PostgresProcess, ValkeyProcess


@dataclass(frozen=True, slots=True)
class Servers:
    folder: Path
    database_url: str
    redis_url: str

    @contextmanager
    def context(self, **settings: Any) -> Iterator[Context]:
        """A prepared installation on them."""
        made = Context(read_settings(database_url=self.database_url, redis_url=self.redis_url, **settings))
        made.prepare()
        try:
            yield made
        finally:
            made.close()


@contextmanager
def running_servers() -> Iterator[Servers]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, Guard() as guard, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        ports = free_ports(2)
        postgres = PostgresProcess(
            prepare_postgres(folder / "data", port=ports[0], password=PASSWORD), guard, folder / "postgres.log"
        )
        valkey = ValkeyProcess(prepare_valkey(folder, port=ports[1], password=PASSWORD), guard, folder / "valkey.log")
        for server in (postgres, valkey):
            server.start()
            stack.callback(server.stop)
        url = postgres.create_database()
        upgrade(url)
        yield Servers(folder, url, valkey.url)
