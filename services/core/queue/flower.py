"""Flower on our app: it shows and changes nothing, and all but its probe is behind the password."""

import hmac
import logging
import signal
import sys
import time
from base64 import b64decode
from typing import Any, Final

from flower.app import Flower
from flower.urls import settings as flower_settings
from tornado.httputil import HTTPServerRequest
from tornado.options import options
from tornado.web import ErrorHandler

from services.core.domain.guesses import MINUTE, Guesses, place_of
from services.core.queue.app import app

PROBE: Final = "/healthcheck"


class GuardedFlower(Flower):  # type: ignore[misc]
    """Flower with its own read-only switch on, and no page, number or file for whoever lacks the password."""

    def __init__(self, *, user: str, password: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._credentials = f"{user}:{password}".encode()
        self._guesses = Guesses()

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Flower's own check leaves out its metrics and takes any number of guesses."""
        if request.path == PROBE:
            return super().find_handler(request, **kwargs)
        place, now = place_of(request.remote_ip or ""), time.monotonic()
        if self._guesses.wait(place, now=now):
            return self._refuse(request, 429)
        if not self._knows_the_password(request):
            if "Authorization" in request.headers:
                self._guesses.failed(place, now=now)
            return self._refuse(request, 401)
        return super().find_handler(request, **kwargs)

    def _refuse(self, request: HTTPServerRequest, status: int) -> Any:
        return self.get_handler_delegate(request, _Refusal, {"status_code": status})

    def _knows_the_password(self, request: HTTPServerRequest) -> bool:
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        try:
            given = b64decode(encoded.strip(), validate=True)
        except ValueError:
            return False
        return scheme.lower() == "basic" and hmac.compare_digest(given, self._credentials)


class _Refusal(ErrorHandler):
    def write_error(self, status_code: int, **_: Any) -> None:
        if status_code == 401:
            self.set_header("WWW-Authenticate", 'Basic realm="flower"')
        if status_code == 429:
            self.set_header("Retry-After", str(int(MINUTE.total_seconds())))
        self.finish({401: "a password is needed\n", 429: "too many wrong passwords: wait a minute\n"}[status_code])


def run_flower(*, user: str, password: str, address: str, port: int, max_tasks: int) -> None:
    """Serve until a signal comes. Nothing is read from a command line, a file or the environment."""
    chosen = {
        "address": address,
        "port": port,
        "max_tasks": max_tasks,
        "read_only": True,
        "enable_events": False,
        "persistent": False,
        # Its API asks that some password be set; ours was compared before a request comes that far.
        "basic_auth": [f"{user}:{password}"],
    }
    for name, value in chosen.items():
        setattr(options, name, value)
    logging.getLogger("tornado.access").disabled = True
    logging.getLogger("flower.inspector").addFilter(_is_no_silence)
    flower = GuardedFlower(user=user, password=password, capp=app, options=options, **flower_settings)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    flower.start_http_server()
    try:
        flower.start()
    except (KeyboardInterrupt, SystemExit):
        flower.stop()


def _is_no_silence(record: logging.LogRecord) -> bool:
    """Drop that no worker replied: at each start none is there yet, and whether one is missing is health's to say."""
    return record.msg != "Inspect method %s failed"
