"""Log lines name their trace, kept or not; and a log that can't be written stops nobody."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
PROGRAM = """
import sys
from datetime import timedelta

import structlog

from services.core.runtime import tracing
from services.core.runtime.logs import configure_logs
from services.core.runtime.settings import Settings
from services.core.runtime.span_export import make_provider

settings = Settings(trace_sample_ratio=float(sys.argv[1]))
configure_logs(settings)
tracing.use(make_provider(settings, flush_within=timedelta(0)))
with tracing.span("work"):
    structlog.get_logger().info("in.it")
    print(tracing.trace_id_of(tracing.traceparent()))
"""


@pytest.mark.parametrize("ratio", ["0", "1"])
def test_a_line_in_a_trace_names_it(ratio: str) -> None:
    command = [sys.executable, "-c", PROGRAM, ratio]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    line = json.loads(ended.stderr)
    assert line["trace_id"] == ended.stdout.strip() != "None"
    assert len(line["span_id"]) == 16


def test_a_full_disk_under_the_log_stops_nobody() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-c", PROGRAM, "1"]
        ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=full, text=True, check=True)
    assert len(ended.stdout.strip()) == 32
