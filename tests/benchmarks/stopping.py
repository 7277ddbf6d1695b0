"""How soon the last text leaves after `sending stop`: `python -m tests.benchmarks.stopping [--tries 20]`.

A real clock and a real campaign worker send a large campaign to the simulator at a fixed rate; again and again
somebody stops it, and the provider's ledger tells when its last request came. Sending goes on before the next try.
"""

import argparse
import json
import statistics
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import text

from services.core.domain.sending_window import next_business_day
from services.core.storage import clock, installation
from services.core.usecases.context import Context
from services.core.usecases.operations.sending import resume_sending, stop_sending
from tests.tools import rows
from tests.tools.business_calendar import ZONE
from tests.tools.roles import running_role
from tests.tools.servers import running_servers
from tests.tools.simulator import RunningSimulator, running_simulator
from tests.tools.waiting import wait_until

RATE = 20
PEOPLE = 6000
PROMISED_SECONDS = 2.0
QUIET_SECONDS = 3.0
"""After so long without a request none will follow: it is over the time that is promised."""

BEFORE_A_STOP = 2 * RATE


@dataclass(frozen=True, slots=True)
class Stopping:
    """Seconds from the stop to the last request at the provider, over all tries; 0 when none came after it."""

    tries: int
    median_seconds: float
    longest_seconds: float
    texts: int


def measure_stopping(context: Context, simulator: RunningSimulator, *, tries: int) -> list[float]:
    """Stop so many times while texts flow; the seconds of each."""
    took: list[float] = []
    for _ in range(tries):
        enough = len(simulator.lines("text")) + BEFORE_A_STOP
        wait_until(partial(_has_sent, simulator, enough), within=120)
        stopped_at = time.time()
        stop_sending(context, reason="a drill", by="a measurement")
        wait_until(lambda: time.time() - _last_request(simulator) > QUIET_SECONDS, within=60)
        took.append(max(0.0, _last_request(simulator) - stopped_at))
        resume_sending(context, by="a measurement")
    return took


def _has_sent(simulator: RunningSimulator, texts: int) -> bool:
    return len(simulator.lines("text")) >= texts


def _last_request(simulator: RunningSimulator) -> float:
    walls = [
        datetime.fromisoformat(str(line["wall"])).timestamp() for line in simulator.lines()[-50:] if "wall" in line
    ]
    return max(walls)


def prepare(context: Context, simulator: RunningSimulator) -> None:
    """A running campaign to thousands of people, all due now, at a business hour of both clocks."""
    at = datetime.fromisoformat(str(simulator.control("GET", "/clock").json()["now"])).astimezone(ZONE)
    noon = datetime.combine(next_business_day(at.date(), closed_days=frozenset()), datetime.min.time(), ZONE)
    with context.database.transaction() as session:
        offset = noon.replace(hour=13) - clock.real_now(session)
        installation.move_clock(session, offset)
        session.execute(
            text("INSERT INTO contacts (e164) SELECT '+1212' || 2000000 + n FROM generate_series(1, :n) AS n"),
            {"n": PEOPLE},
        )
    simulator.move_clock(offset.total_seconds())
    rows.add_campaign(context, started=True, by="a measurement", name="large", daily_cap=PEOPLE, batch_size=PEOPLE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=20)
    options = parser.parse_args()
    with ExitStack() as stack:
        servers = stack.enter_context(running_servers())
        simulator = stack.enter_context(running_simulator(servers.folder / "simulator"))
        settings = {
            "provider_base_url": simulator.url,
            "provider_api_key": simulator.api_key,
            "provider_phone_number_id": simulator.phone_number_id,
            "provider_phone_number": simulator.phone_number,
            "provider_rate": RATE,
            "number_daily_cap": PEOPLE,
            "account_daily_cap": PEOPLE,
        }
        context = stack.enter_context(servers.context(**settings))
        prepare(context, simulator)
        urls = {"database_url": servers.database_url, "redis_url": servers.redis_url, "log_level": "WARNING"}
        for role in ("campaign_worker", "beat"):
            stack.enter_context(running_role(role, servers.folder, **settings, **urls))
        took = measure_stopping(context, simulator, tries=options.tries)
        texts = len(simulator.lines("text"))
    stopping = Stopping(options.tries, round(statistics.median(took), 3), round(max(took), 3), texts)
    print(json.dumps(asdict(stopping)))  # noqa: T201
    return 0 if stopping.longest_seconds <= PROMISED_SECONDS else 1


if __name__ == "__main__":
    raise SystemExit(main())
