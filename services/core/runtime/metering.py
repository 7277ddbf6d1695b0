"""Counting: every series of every instrument has its cell in one table, which the forks of a role share.

Each process writes a row of its own, so that there is no lock between processes and a killed one leaves what it
counted; a pool process that follows another continues its row. Whoever reads adds the rows up. The table's size is
known before the first count, since every label's values are declared. See `services/adr/0009-own-metrics-table.md`.
"""

import math
import mmap
import struct
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import product

from opentelemetry import trace

from services.core.runtime.telemetry import OTHER, Instrument, Kind

GAUGES_LAST = timedelta(seconds=60)
EXEMPLAR = struct.Struct("=QQQdd")  # trace id (high, low), span id, value, seconds of the epoch
CELL = 8  # bytes


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A measurement with the span it was made in."""

    trace_id: int
    span_id: int
    value: float
    at: float


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram's series: counts by bucket (the last is above all bounds), their sum, and a recent example."""

    buckets: tuple[int, ...]
    total: float
    exemplar: Exemplar | None

    @property
    def count(self) -> int:
        return sum(self.buckets)


@dataclass(frozen=True, slots=True)
class Series:
    """One series as it stands: all processes of the role together."""

    instrument: Instrument
    labels: Mapping[str, str]
    value: float | Distribution


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """Where a series lies in a row."""

    instrument: Instrument
    labels: Mapping[str, str]
    cell: int
    exemplar: int  # place of its record, for histograms


class Layout:
    """Where each series lies in a row, and how wide a row is."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self.slots: dict[tuple[str, ...], Slot] = {}
        self.cells, self.exemplars = 1, 0  # the first cell says when gauges were last shown
        for instrument in instruments:
            for values in product(*((*each, OTHER) for each in instrument.labels.values())):
                labels = dict(zip(instrument.labels, values, strict=True))
                self.slots[(instrument.name, *values)] = Slot(instrument, labels, self.cells, self.exemplars)
                is_histogram = instrument.kind is Kind.HISTOGRAM
                self.cells += len(instrument.bounds) + 2 if is_histogram else 1
                self.exemplars += is_histogram
        self._known = {
            (each.name, label, value)
            for each in instruments
            for label, values in each.labels.items()
            for value in values
        }

    def slot(self, instrument: Instrument, values: tuple[str, ...]) -> Slot:
        found = self.slots.get((instrument.name, *values))
        if found is not None:
            return found
        pairs = zip(instrument.labels, values, strict=True)
        known = tuple(value if (instrument.name, label, value) in self._known else OTHER for label, value in pairs)
        return self.slots[(instrument.name, *known)]


class Table:
    """`rows` processes may write at once. Made before the forks that write into it."""

    def __init__(self, rows: int, instruments: Sequence[Instrument]) -> None:
        self.layout = Layout(instruments)
        self._rows = rows
        self._cells = memoryview(mmap.mmap(-1, rows * self.layout.cells * CELL)).cast("d")
        self._exemplars = mmap.mmap(-1, rows * self.layout.exemplars * EXEMPLAR.size)
        self._row = 0
        self._lock = threading.Lock()

    def take_row(self, row: int) -> None:
        """Write this row from now on; after a fork, in which the parent's lock may be held for ever."""
        if not 0 <= row < self._rows:
            raise ValueError(f"the table has {self._rows} rows")
        self._row, self._lock = row, threading.Lock()

    def add(self, slot: Slot, amount: float) -> None:
        cell = self._row * self.layout.cells + slot.cell
        with self._lock:
            self._cells[cell] += amount

    def observe(self, slot: Slot, value: float) -> None:
        first = self._row * self.layout.cells + slot.cell
        bounds = slot.instrument.bounds
        with self._lock:
            self._cells[first + bisect_left(bounds, value)] += 1
            self._cells[first + len(bounds) + 1] += value
        span = trace.get_current_span().get_span_context()
        if span.is_valid and span.trace_flags.sampled:
            high, low = divmod(span.trace_id, 1 << 64)
            place = (self._row * self.layout.exemplars + slot.exemplar) * EXEMPLAR.size
            EXEMPLAR.pack_into(self._exemplars, place, high, low, span.span_id, value, time.time())

    def show(self, values: Mapping[Slot, float]) -> None:
        """Set the gauges given, and no longer show any other."""
        first = self._row * self.layout.cells
        with self._lock:
            for slot in self.layout.slots.values():
                if slot.instrument.kind is Kind.GAUGE:
                    self._cells[first + slot.cell] = values.get(slot, math.nan)
            self._cells[first] = time.monotonic()

    def read(self) -> Iterator[Series]:
        """Every counter, each histogram that has counted, and the gauges if they were shown lately."""
        for slot in self.layout.slots.values():
            match slot.instrument.kind:
                case Kind.COUNTER:
                    yield Series(slot.instrument, slot.labels, sum(self._column(slot.cell)))
                case Kind.GAUGE:
                    yield from self._gauge(slot)
                case Kind.HISTOGRAM:
                    yield from self._histogram(slot)

    def _gauge(self, slot: Slot) -> Iterator[Series]:
        oldest = time.monotonic() - GAUGES_LAST.total_seconds()
        shown = [
            value
            for at, value in zip(self._column(0), self._column(slot.cell), strict=True)
            if at > max(oldest, 0) and not math.isnan(value)
        ]
        if shown:
            yield Series(slot.instrument, slot.labels, shown[-1])

    def _histogram(self, slot: Slot) -> Iterator[Series]:
        width = len(slot.instrument.bounds) + 1
        buckets = tuple(int(sum(self._column(slot.cell + each))) for each in range(width))
        if any(buckets):
            total = sum(self._column(slot.cell + width))
            yield Series(slot.instrument, slot.labels, Distribution(buckets, total, self._exemplar(slot)))

    def _column(self, cell: int) -> list[float]:
        return [self._cells[row * self.layout.cells + cell] for row in range(self._rows)]

    def _exemplar(self, slot: Slot) -> Exemplar | None:
        places = ((row * self.layout.exemplars + slot.exemplar) * EXEMPLAR.size for row in range(self._rows))
        records = [EXEMPLAR.unpack_from(self._exemplars, place) for place in places]
        high, low, span_id, value, at = max(records, key=lambda record: record[-1])
        return Exemplar(high << 64 | low, span_id, value, at) if at else None


_table: Table | None = None


def share_table(rows: int, instruments: Sequence[Instrument]) -> None:
    """Begin anew with a table for so many processes: this one has row 0, and those forked from it take the others.

    It has room for these instruments alone; a process without a table, as a verb's of the CLI, counts nothing.
    """
    global _table  # noqa: PLW0603 - one table per role
    _table = Table(rows, instruments)


def take_row(row: int) -> None:
    """Count into this row, as the only process that does. Raises `ValueError` when the table has no such row."""
    if _table is not None:
        _table.take_row(row)


def count(instrument: Instrument, *values: str, by: float = 1) -> None:
    """Add to a counter; `values` are its labels' in the order they are declared in."""
    if _table is not None:
        _table.add(_table.layout.slot(instrument, values), by)


def observe(instrument: Instrument, value: float, *values: str) -> None:
    """Put one measurement, in the instrument's unit, into a histogram; the current span becomes its exemplar."""
    if _table is not None:
        _table.observe(_table.layout.slot(instrument, values), value)


def show(*gauges: tuple[Instrument, float, tuple[str, ...]]) -> None:
    """Set all gauges of this process at once: what isn't given is no longer shown, and a minute later none is."""
    if _table is not None:
        _table.show({_table.layout.slot(instrument, labels): value for instrument, value, labels in gauges})


def read() -> list[Series]:
    """Every series of this role as it stands."""
    return [] if _table is None else list(_table.read())
