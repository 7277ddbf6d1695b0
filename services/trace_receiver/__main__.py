"""The laptop's stand-in for Jaeger, `python -m services.trace_receiver`: takes OTLP/HTTP, keeps the last traces."""

import signal
import sys

from services.core.runtime.logs import configure_logs
from services.core.runtime.settings import SettingsInvalid, settings
from services.trace_receiver.server import Receiver
from services.trace_receiver.store import Traces


def main() -> None:
    try:
        configured = settings()
    except SettingsInvalid as error:
        sys.exit(f"settings refused: {error}")
    configure_logs(configured)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Receiver((configured.bind_host, configured.trace_receiver_port), Traces()) as receiver:
        receiver.serve_forever()


if __name__ == "__main__":
    main()
