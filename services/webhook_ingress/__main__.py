"""The webhook ingress: `python -m services.webhook_ingress`."""

from services.core.http.connection import Limits
from services.core.http.server import serve as serve_http
from services.core.runtime.exporting import flush_telemetry, start_telemetry
from services.core.runtime.settings import Settings
from services.core.storage.rights import Component
from services.core.usecases.operations.judge_settings import SIGNING_KEYS
from services.core.usecases.operations.start_role import start_role
from services.webhook_ingress.app import Ingress

GRACEFUL_SECONDS = 12


def serve(configured: Settings) -> None:
    start_telemetry(configured)
    try:
        serve_http(
            Ingress(configured),
            host=configured.bind_host,
            port=configured.ingress_port,
            limits=Limits(request_within=configured.webhook_body_timeout),
            graceful_seconds=GRACEFUL_SECONDS,
        )
    finally:
        flush_telemetry()


if __name__ == "__main__":
    start_role(serve, needs=SIGNING_KEYS, component=Component.WEBHOOK_INGRESS)
