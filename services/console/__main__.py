"""The console: `python -m services.console`."""

import uvicorn

from services.console.app import make_app
from services.core.runtime.exporting import flush_telemetry, start_telemetry
from services.core.runtime.settings import Settings
from services.core.usecases.start_role import start_role

GRACEFUL_SECONDS = 20
CONNECTIONS_AT_ONCE = 500


def serve(configured: Settings) -> None:
    start_telemetry(configured)
    uvicorn.run(
        make_app(configured),
        host=configured.bind_host,
        port=configured.console_port,
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS_AT_ONCE,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    flush_telemetry()


if __name__ == "__main__":
    start_role(serve)
