"""The console: `python -m services.console`."""

from services.console.app import make_app
from services.core.http.connection import Limits
from services.core.http.server import serve as serve_http
from services.core.runtime.exporting import flush_telemetry, start_telemetry
from services.core.runtime.settings import Settings
from services.core.storage.rights import Component
from services.core.usecases.operations.start_role import start_role

GRACEFUL_SECONDS = 20


def serve(configured: Settings) -> None:
    start_telemetry(configured)
    try:
        serve_http(
            make_app(configured),
            host=configured.bind_host,
            port=configured.console_port,
            limits=Limits(),
            graceful_seconds=GRACEFUL_SECONDS,
        )
    finally:
        flush_telemetry()


if __name__ == "__main__":
    start_role(serve, component=Component.CONSOLE)
