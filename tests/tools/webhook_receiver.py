"""A receiver of webhooks for tests: keeps what it gets and answers as told."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WAIT_LIMIT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class ReceivedWebhook:
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        return dict(json.loads(self.raw))

    @property
    def delivery_id(self) -> str | None:
        return self.headers.get("webhook-id")


class WebhookReceiver:
    def __init__(self) -> None:
        self.received: list[ReceivedWebhook] = []
        self._answers: list[int] = []
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/webhooks"

    def answer_with(self, *statuses: int) -> None:
        """For the next deliveries; afterwards 200 again."""
        self._answers = list(statuses)

    def wait_for(
        self, count: int, matching: Callable[[ReceivedWebhook], bool] = lambda _: True
    ) -> list[ReceivedWebhook]:
        """The first deliveries that match, once there are so many."""
        with self._changed:
            found: list[ReceivedWebhook] = []

            def are_enough() -> bool:
                found[:] = [webhook for webhook in self.received if matching(webhook)]
                return len(found) >= count

            assert self._changed.wait_for(are_enough, WAIT_LIMIT_SECONDS), f"{len(found)} of {count} webhooks came"
            return found

    def of_type(self, event_type: str, count: int = 1) -> list[ReceivedWebhook]:
        return self.wait_for(count, lambda webhook: webhook.body["type"] == event_type)

    def clear(self) -> None:
        with self._changed:
            self.received = []
            self._answers = []

    def _take(self, webhook: ReceivedWebhook) -> int:
        with self._changed:
            self.received.append(webhook)
            self._changed.notify_all()
            return self._answers.pop(0) if self._answers else 200

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(receiver._take(ReceivedWebhook(headers, raw)))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Keeps the output of the tests clean."""

        return Handler

    @contextmanager
    def serving(self) -> Iterator["WebhookReceiver"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
