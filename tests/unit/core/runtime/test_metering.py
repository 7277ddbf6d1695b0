"""Counting under prefork: rows of one table, added up; series that are known beforehand."""

import os
import signal
import time

import pytest
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from services.cli.laptop.identity import MEASURED
from services.core.domain import health
from services.core.openphone.instruments import SUBMISSIONS
from services.core.queue.instruments import DEAD_LETTERS, LIMITER_WAIT, QUEUE_DEPTH, TASK_DURATION
from services.core.queue.names import Queue
from services.core.runtime import metering
from services.core.runtime.metering import Distribution, Layout, Series
from services.core.runtime.telemetry import HTTP_SERVER, OTHER, Instrument
from services.core.usecases.instruments import INSTRUMENTS, WAITING

ROWS = 3


@pytest.fixture(autouse=True)
def table() -> None:
    metering.share_table(ROWS, INSTRUMENTS)


def series(instrument: Instrument, **labels: str) -> Series | None:
    found = [each for each in metering.read() if each.instrument is instrument and each.labels == labels]
    return found[0] if found else None


def value(instrument: Instrument, **labels: str) -> object:
    found = series(instrument, **labels)
    return found.value if found else None


def in_child(row: int, times: int, *, killed: bool = False) -> None:
    """Count in a fork that has taken a row, and wait for its end."""
    pid = os.fork()
    if pid == 0:
        metering.take_row(row)
        for _ in range(times):
            metering.count(SUBMISSIONS, "accepted")
            metering.observe(TASK_DURATION, 0.3, "process_webhook", "succeeded")
        if killed:
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == (-signal.SIGKILL if killed else 0)


class TestProcesses:
    def test_all_processes_of_a_role_are_one_series(self) -> None:
        metering.count(SUBMISSIONS, "accepted")
        in_child(1, 10)
        in_child(2, 100)
        assert value(SUBMISSIONS, outcome="accepted") == 111

    def test_a_process_that_replaces_another_continues_its_row(self) -> None:
        for _ in range(3):
            in_child(1, 5)
        assert value(SUBMISSIONS, outcome="accepted") == 15

    def test_what_a_killed_process_counted_stays(self) -> None:
        in_child(1, 7, killed=True)
        found = value(TASK_DURATION, task="process_webhook", end="succeeded")
        assert isinstance(found, Distribution)
        assert (found.count, round(found.total, 6)) == (7, 2.1)

    def test_a_row_that_is_not_there_is_refused(self) -> None:
        with pytest.raises(ValueError, match="3 rows"):
            metering.take_row(ROWS)


class TestSeries:
    def test_their_number_is_known_before_the_first_count(self) -> None:
        """Whatever is counted, however often: there are no more than these."""
        for number in range(5_000):
            metering.count(DEAD_LETTERS, f"reason {number}")
            metering.observe(HTTP_SERVER, 0.1, "POST", str(number))
        assert len(metering.read()) <= len(Layout(INSTRUMENTS).slots) < 600

    def test_what_is_not_declared_is_other(self) -> None:
        metering.count(DEAD_LETTERS, "never heard of")
        metering.observe(TASK_DURATION, 1, "process_webhook", "exploded")
        assert value(DEAD_LETTERS, reason=OTHER) == 1
        assert series(TASK_DURATION, task="process_webhook", end=OTHER) is not None

    def test_counters_begin_at_zero_and_histograms_when_they_count(self) -> None:
        assert value(DEAD_LETTERS, reason="error") == 0
        assert series(LIMITER_WAIT, kind="send") is None

    @pytest.mark.parametrize(
        ("measured", "bucket"), [(0.0, 0), (0.001, 0), (0.0011, 1), (10, len(LIMITER_WAIT.bounds) - 1), (99, -1)]
    )
    def test_a_bound_belongs_to_its_bucket(self, measured: float, bucket: int) -> None:
        metering.observe(LIMITER_WAIT, measured, "send")
        found = value(LIMITER_WAIT, kind="send")
        assert isinstance(found, Distribution)
        assert found.buckets[bucket] == 1

    def test_the_span_is_the_exemplar_when_its_trace_is_kept(self) -> None:
        for sampled, trace_id in ((True, 0xABC << 64 | 1), (False, 2)):
            flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
            with use_span(NonRecordingSpan(SpanContext(trace_id, 7, is_remote=False, trace_flags=flags))):
                metering.observe(LIMITER_WAIT, 0.2, "send")
        found = value(LIMITER_WAIT, kind="send")
        assert isinstance(found, Distribution)
        assert found.exemplar is not None
        assert (found.exemplar.trace_id, found.exemplar.span_id, found.exemplar.value) == (0xABC << 64 | 1, 7, 0.2)


class TestGauges:
    def test_what_is_shown_replaces_what_was(self) -> None:
        metering.show((WAITING, 3, ("due",)), (QUEUE_DEPTH, 5, ("campaigns",)))
        metering.show((WAITING, 0, ("due",)))
        assert value(WAITING, what="due") == 0
        assert series(QUEUE_DEPTH, queue="campaigns") is None

    def test_nothing_is_shown_by_who_never_measured(self) -> None:
        assert [each for each in metering.read() if each.instrument is WAITING] == []

    def test_they_end_when_nobody_measures_any_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        metering.show((WAITING, 3, ("due",)))
        later = time.monotonic() + metering.GAUGES_LAST.total_seconds() + 1
        monkeypatch.setattr(time, "monotonic", lambda: later)
        assert series(WAITING, what="due") is None


class TestDeclarations:
    """Each is declared once, beside the words that its labels are, and has its place in every role's table."""

    def test_names_and_places_are_unique(self) -> None:
        assert len({each.name for each in INSTRUMENTS}) == len(INSTRUMENTS)
        cells = sorted(slot.cell for slot in Layout(INSTRUMENTS).slots.values())
        assert len(set(cells)) == len(cells)

    def test_no_label_can_hold_what_a_person_wrote(self) -> None:
        """Every value is a word of ours; numbers, names and texts have no place to be in."""
        for each in INSTRUMENTS:
            for values in each.labels.values():
                assert all(word.replace("_", "").replace(" ", "").isalnum() for word in values), each.name

    def test_every_measured_role_is_one(self) -> None:
        assert len(MEASURED) == 6
        assert health.QUEUE_SLOW.keys() <= set(Queue)
