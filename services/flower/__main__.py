"""Flower, read-only and behind a password: `python -m services.flower`."""

import sys

from services.core.queue.fitness import BrokerRefused, check_broker
from services.core.queue.flower import run_flower
from services.core.runtime.logs import configure_logs
from services.core.runtime.settings import SettingsInvalid, settings

MAX_TASKS = 10_000


def main() -> None:
    """Raises nothing: a missing password is one line and exit code 1, since without it the pages would be open."""
    try:
        configured = settings()
        check_broker(configured.redis_url.get_secret_value())
    except (SettingsInvalid, BrokerRefused) as error:
        sys.exit(f"settings refused: {error}")
    password = configured.flower_password.get_secret_value()
    if not password:
        sys.exit("settings refused: ATTACKACRACK_FLOWER_PASSWORD: Flower would be open to everybody; set a password")
    if not password.isascii() or not configured.flower_user.isascii():
        sys.exit(
            "settings refused: ATTACKACRACK_FLOWER_PASSWORD: browsers send only ASCII alike; choose such characters"
        )
    configure_logs(configured)
    run_flower(
        user=configured.flower_user,
        password=password,
        address=configured.bind_host,
        port=configured.flower_port,
        max_tasks=MAX_TASKS,
    )


if __name__ == "__main__":
    main()
