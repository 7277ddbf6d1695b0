"""A way to PostgreSQL that loses the answers to chosen COMMITs: the server committed, and the client cannot know."""

import socket
from collections.abc import Callable
from contextlib import suppress
from socket import SHUT_RDWR
from threading import Lock, Thread
from urllib.parse import urlsplit, urlunsplit

COMMIT = b"COMMIT\x00"
LARGEST_CHUNK = 65536


class CommitCutter:
    """Listens on a port of its own; `url` is the database by this way. `choose` is asked with each COMMIT's number."""

    def __init__(self, database_url: str, *, choose: Callable[[int], bool]) -> None:
        parts = urlsplit(database_url)
        self._server = (parts.hostname or "", parts.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        netloc = parts.netloc.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{port}")
        self.url = urlunsplit(parts._replace(netloc=netloc))
        self._choose = choose
        self._lock = Lock()
        self.commits = 0
        self.cuts = 0
        self._thread = Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more connections; those that stand end with their clients."""
        self._listener.shutdown(SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(self._server)
                except OSError:  # that one's trouble is not the others'
                    client.close()
                else:
                    _Link(self, client, server)

    def is_cut(self) -> bool:
        """Count one COMMIT; whether its answer is to be lost."""
        with self._lock:
            self.commits += 1
            chosen = self._choose(self.commits)
            self.cuts += chosen
            return chosen


class _Link:
    """One connection, passed on in both directions until an answer is cut."""

    def __init__(self, cutter: CommitCutter, client: socket.socket, server: socket.socket) -> None:
        self._cutter, self._client, self._server = cutter, client, server
        self._is_cutting = False
        Thread(target=self._pass_on, daemon=True).start()

    def _pass_on(self) -> None:
        answering = Thread(target=self._answer, daemon=True)
        answering.start()
        with suppress(OSError):
            while chunk := self._client.recv(LARGEST_CHUNK):
                self._is_cutting = COMMIT in chunk and self._cutter.is_cut()
                self._server.sendall(chunk)
        self._hang_up()
        answering.join()
        self._client.close()
        self._server.close()

    def _answer(self) -> None:
        with suppress(OSError):
            while (chunk := self._server.recv(LARGEST_CHUNK)) and not self._is_cutting:
                self._client.sendall(chunk)
        self._hang_up()

    def _hang_up(self) -> None:
        """End both connections for whoever reads them; only who has waited for the other closes them."""
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(SHUT_RDWR)
