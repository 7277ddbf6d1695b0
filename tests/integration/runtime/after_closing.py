"""Begins and closes what runs a thread, one after the other, and prints what is left: `after_closing.py FOLDER`.

After each close the numbers of descriptors that it gave back are taken by pipes that always have something to read:
a thread that still asks for one of them is busy from then on.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from services.cli.laptop.ports import free_ports
from services.core.queue.enqueue import Broker
from services.core.queue.heartbeat import Heartbeat, Progress
from services.core.queue.times import Times
from services.core.runtime import metering
from services.core.runtime.exporting import exported_metrics
from services.core.runtime.prometheus import PrometheusEndpoint
from services.core.runtime.settings import Settings, read_settings
from services.core.runtime.span_export import make_provider
from services.core.usecases.instruments import INSTRUMENTS
from services.webhook_ingress.publisher import Publisher

IDLE_SECONDS = 0.5
PIPES = 16
Close = Callable[[], Any]


def endpoint() -> Close:
    [port] = free_ports(1)
    serving = PrometheusEndpoint(host="127.0.0.1", port=port)
    _scrape(port)
    return serving.close


def role_metrics() -> Close:
    [port] = free_ports(1)
    inside = ExitStack()
    inside.enter_context(exported_metrics(Settings(metrics_port=port), INSTRUMENTS))
    _scrape(port)
    return inside.close


def spans() -> Close:
    provider = make_provider(Settings(otlp_endpoint=_nobody()), flush_within=timedelta(seconds=3))
    provider.get_tracer("test").start_span("one").end()
    return provider.shutdown


def heartbeat() -> Close:
    beating = Heartbeat(Path(sys.argv[1]), Times(), Progress())
    beating.start()
    return beating.stop


def publisher() -> Close:
    publishing = Publisher(Broker(read_settings(redis_url="redis://127.0.0.1:1/0")))
    publishing.start()
    publishing.publish(1, None)
    return publishing.stop


def left_after(begin: Callable[[], Close]) -> dict[str, Any]:
    """Threads that outlive the close by name, and the CPU seconds of the idle process after it."""
    before = set(threading.enumerate())
    begin()()
    pipes = [os.pipe() for _ in range(PIPES)]
    for _, writing in pipes:
        os.write(writing, b"x")
    began = time.process_time()
    time.sleep(IDLE_SECONDS)
    used = time.process_time() - began
    for pipe in pipes:
        for descriptor in pipe:
            os.close(descriptor)
    return {"threads": [each.name for each in threading.enumerate() if each not in before], "cpu": used}


def _scrape(port: int) -> None:
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        answer.read()


def _nobody() -> str:
    return f"http://127.0.0.1:{free_ports(1)[0]}"


if __name__ == "__main__":
    metering.share_table(1, INSTRUMENTS)
    each = (endpoint, role_metrics, spans, heartbeat, publisher)
    sys.stdout.write(json.dumps({begin.__name__: left_after(begin) for begin in each}) + "\n")
