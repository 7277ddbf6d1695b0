"""Run a role's ASGI application as this process's server."""

import resource
import signal
import sys
from typing import Any

import uvicorn

from services.core.http.connection import Limits, limited

FILES_AT_MOST = 4096


def serve(app: Any, *, host: str, port: int, limits: Limits, graceful_seconds: int) -> None:
    """Serve until SIGTERM or SIGINT; what is under way then has `graceful_seconds`."""
    _allow_files()
    # The server raises the signal that ended it once more when it is done: an orderly end is none to die of.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        app,
        host=host,
        port=port,
        http=limited(limits),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whoever reaches us on loopback could call themselves any address
        timeout_graceful_shutdown=graceful_seconds,
    )


def _allow_files() -> None:
    """Each connection is an open file; many systems allow 1,024 unless asked."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_AT_MOST if hard == resource.RLIM_INFINITY else min(FILES_AT_MOST, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
