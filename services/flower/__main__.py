"""Flower, read-only and behind a password: `python -m services.flower`."""

import os
import sys

from services.core.queue.flower import run_flower
from services.core.runtime.logs import configure_logs
from services.core.runtime.settings import SettingsInvalid, settings

MAX_TASKS = 10_000


def main() -> None:
    """Raises nothing: a missing password is one line and exit code 1, since without it the pages would be open."""
    try:
        configured = settings()
    except SettingsInvalid as error:
        sys.exit(f"settings refused: {error}")
    password = configured.flower_password.get_secret_value()
    if not password:
        sys.exit("settings refused: ATTACKACRACK_FLOWER_PASSWORD: Flower would be open to everybody; set a password")
    os.environ["FLOWER_BASIC_AUTH"] = f"{configured.flower_user}:{password}"
    os.environ.pop("FLOWER_UNAUTHENTICATED_API", None)
    configure_logs(configured)
    options = (
        f"--address={configured.bind_host}",
        f"--port={configured.flower_port}",
        f"--max-tasks={MAX_TASKS}",
        "--enable-events=false",
        "--persistent=false",
    )
    run_flower(options)


if __name__ == "__main__":
    main()
