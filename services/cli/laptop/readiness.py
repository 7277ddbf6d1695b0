"""Ways to ask a role whether it is ready. A probe takes the role's process id, may block for a second, and answers."""

import http.client
from collections.abc import Callable
from functools import partial
from pathlib import Path

Probe = Callable[[int], bool]

TIMEOUT_SECONDS = 1.0


def answers_http(port: int, path: str) -> Probe:
    """Ready when a GET of `path` is answered with 200."""
    return partial(_answers_http, port, path)


def wrote_file(path: Path) -> Probe:
    """Ready when the file exists."""
    return partial(_exists, path)


def _answers_http(port: int, path: str, _pid: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _exists(path: Path, _pid: int) -> bool:
    return path.exists()
