"""The webhook ingress: `python -m services.webhook_ingress`."""

import resource
import signal
import sys

import uvicorn

from services.core.runtime.exporting import flush_telemetry, start_telemetry
from services.core.runtime.settings import Settings
from services.core.usecases.start_role import start_role
from services.webhook_ingress.app import Ingress
from services.webhook_ingress.connection import Connection

GRACEFUL_SECONDS = 12
FILES_AT_MOST = 4096


def serve(configured: Settings) -> None:
    class ConfiguredConnection(Connection):
        arrives_within = configured.webhook_body_timeout

    start_telemetry(configured)
    _allow_files()
    # The server raises the signal that ended it once more when it is done: an orderly end is none to die of.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        uvicorn.run(
            Ingress(configured),
            host=configured.bind_host,
            port=configured.ingress_port,
            http=ConfiguredConnection,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
        )
    finally:
        flush_telemetry()


def _allow_files() -> None:
    """Each connection is an open file; many systems allow 1,024 unless asked."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_AT_MOST if hard == resource.RLIM_INFINITY else min(FILES_AT_MOST, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    start_role(serve)
