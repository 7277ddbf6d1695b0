"""`python -m services.provider_simulator --ledger FILE --port N`: serve until SIGTERM."""

import signal
import sys

import uvicorn

from services.provider_simulator.app import create_app
from services.provider_simulator.protocol import OpenProtocol
from services.provider_simulator.settings import read_settings

SHUTDOWN_LIMIT_SECONDS = 3


def main() -> None:
    settings = read_settings(sys.argv[1:])
    # The server passes the signal on when it has ended in order: leave with 0 then.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="asyncio",
        http=OpenProtocol,
        log_level=settings.log_level,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_LIMIT_SECONDS,
    )


if __name__ == "__main__":
    main()
