"""A steady load of signed deliveries on few connections, with a ledger of what was answered."""

import socket
import threading
from collections import Counter
from types import TracebackType
from typing import Self

from tests.tools.http_role import read_reply
from tests.tools.ingress import RunningIngress, body_of, new_delivery_id, received, signed_request


class WebhookLoad:
    """Runs while it is entered; `acknowledged` are the delivery ids that were answered 2xx."""

    def __init__(self, ingress: RunningIngress, *, connections: int = 8) -> None:
        self.acknowledged: set[str] = set()
        self.statuses: Counter[int] = Counter()
        self.cut: list[str] = []
        """Deliveries whose connection ended after the request was sent and before a whole answer."""
        self._ingress = ingress
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._deliver) for _ in range(connections)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join()

    def _deliver(self) -> None:
        connection: socket.socket | None = None
        while not self._ends.is_set():
            try:
                connection = connection or self._ingress.connect()
            except OSError:
                self._ends.wait(0.02)
                continue
            if not self._deliver_one(connection):
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _deliver_one(self, connection: socket.socket) -> bool:
        """Whether the connection may be used again."""
        delivery_id = new_delivery_id()
        try:
            connection.sendall(signed_request(body_of(received()), delivery_id=delivery_id))
            reply = read_reply(connection)
        except (OSError, AssertionError):
            self.cut.append(delivery_id)
            return False
        self.statuses[reply.status] += 1
        if reply.status == 200:
            self.acknowledged.add(delivery_id)
        return reply.headers.get("connection") != "close"
