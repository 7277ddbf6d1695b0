"""What counting costs, and how many series a campaign makes: `python -m tests.benchmarks.metrics [--texts N]`.

Counts what sender, gate, limiter, webhook worker and ingress count for each text, with as many different reasons as
there are texts, and reads the table as Prometheus does.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, generate_latest

from services.core.openphone.instruments import HTTP_CLIENT, REFUSALS, SUBMISSIONS
from services.core.queue.instruments import DEAD_LETTERS, LIMITER_WAIT, TASK_DURATION
from services.core.runtime import metering
from services.core.runtime.metering import Layout
from services.core.runtime.prometheus import TableCollector
from services.core.runtime.telemetry import HTTP_SERVER
from services.core.storage.instruments import EVENTS, TRANSITIONS
from services.core.usecases.instruments import GATE, INSTRUMENTS, WEBHOOKS


def text(number: int) -> None:
    """One text's life, with reasons that nobody else has."""
    metering.count(GATE, "open", "passed")
    metering.observe(LIMITER_WAIT, number % 100 / 100, "send")
    metering.observe(HTTP_CLIENT, number % 30 / 10, "POST", str(200 + number % 300))
    metering.count(SUBMISSIONS, "accepted")
    metering.count(REFUSALS, f"a reason of text {number}")
    metering.count(DEAD_LETTERS, f"+1212555{number}")
    for status in ("sending", "sent", "delivered"):
        metering.count(TRANSITIONS, status)
    metering.observe(HTTP_SERVER, 0.004, "POST", "200")
    metering.count(WEBHOOKS, "stored")
    metering.count(EVENTS, "handled")
    metering.observe(TASK_DURATION, 0.05, f"task {number}", "succeeded")


def microseconds(act: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - began) / times * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=100_000)
    texts = parser.parse_args().texts
    metering.share_table(3, INSTRUMENTS)
    layout = Layout(INSTRUMENTS)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(TableCollector())
    began = time.process_time()
    for number in range(texts):
        text(number)
    spent = time.process_time() - began
    figures = {
        "texts": texts,
        "microseconds of CPU for all counts of a text": round(spent / texts * 1e6, 1),
        "microseconds for a count": round(microseconds(lambda: metering.count(SUBMISSIONS, "accepted"), 100_000), 2),
        "microseconds for an observation": round(
            microseconds(lambda: metering.observe(LIMITER_WAIT, 0.2, "send"), 100_000), 2
        ),
        "milliseconds for a scrape": round(microseconds(lambda: generate_latest(registry), 20) / 1000, 1),
        "series": len(metering.read()),
        "lines of a scrape": sum(not line.startswith("#") for line in generate_latest(registry).decode().splitlines()),
        "series that there can be": len(layout.slots),
        "bytes for a process": layout.cells * metering.CELL + layout.exemplars * metering.EXEMPLAR.size,
    }
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
