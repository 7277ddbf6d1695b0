"""A trace drawn for a terminal: its spans as a tree, each with a bar where it was in time; long waits are cut short."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from services.cli.output import plain

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

    from services.core.views.traces import Trace, TraceSpan

NARROWEST_BAR = 16
WIDEST_BAR = 60
CUT = 3
"""Columns of a wait that is cut short."""

LINKS_SHOWN = 10
LONG_WAIT = 0.5
"""A wait is long when it takes this share of all the work's time."""


class Waterfall:
    """What rich prints for a trace; it takes the width that there is."""

    def __init__(self, trace: "Trace") -> None:
        self._trace = trace

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[RenderableType]":
        from rich.table import Table
        from rich.text import Text

        rows = list(_tree(self._trace.spans))
        names = max(len(indent) + len(span.name) for indent, span in rows)
        services = max(len(span.service) for _, span in rows)
        room = options.max_width - names - services - 12
        axis = Axis(self._trace.spans, width=max(NARROWEST_BAR, min(WIDEST_BAR, room)))
        table = Table(box=None, pad_edge=False, show_header=True, header_style="dim")
        table.add_column("span", no_wrap=True)
        table.add_column("service", no_wrap=True, style="cyan")
        table.add_column("took", justify="right", no_wrap=True)
        table.add_column(axis.scale(), no_wrap=True)
        for indent, span in rows:
            style = "red" if span.failed else ""
            name = Text(indent, style="dim") + Text(plain(span.name), style=style)
            bar = Text(axis.bar(span), style="red" if span.failed else "green")
            table.add_row(name, plain(span.service), _short(span.took), bar)
        began = min(span.started_at for span in self._trace.spans)
        yield Text(f"trace {self._trace.trace_id}")
        yield Text(f"{len(rows)} span{'s' * (len(rows) > 1)}, began {began:%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC")
        yield table
        yield from _faults(span for _, span in rows)
        yield from _links(span for _, span in rows)


class Axis:
    """Where an instant is drawn. Waits in which nothing ran, and which are long beside the work, get a few columns."""

    def __init__(self, spans: "Sequence[TraceSpan]", *, width: int) -> None:
        pieces = _busy(spans)
        worked = sum((end - start for start, end in pieces), timedelta()) or timedelta(microseconds=1)
        long = [gap for gap in _gaps(pieces) if gap[1] - gap[0] > worked * LONG_WAIT]
        drawn = pieces[-1][1] - pieces[0][0] - sum((end - start for start, end in long), timedelta())
        self._from, self._cuts = pieces[0][0], long
        self._until = pieces[-1][1]
        self._columns = max(width - CUT * len(long), 1)
        self._per_column = max(drawn, timedelta(microseconds=1)) / self._columns
        self._width = width

    def bar(self, span: "TraceSpan") -> str:
        start = min(self._column(span.started_at), self._width - 1)
        end = max(start + 1, self._column(span.started_at + span.took))
        cells = ["█" if start <= column < end else " " for column in range(self._width)]
        for column in self._cut_columns():
            cells[column] = "┊"
        return "".join(cells)

    def scale(self) -> str:
        """The heading: what the whole axis and each cut stand for."""
        whole = f"{_short(self._until - self._from)} in all"
        cuts = ", ".join(_short(end - start) for start, end in self._cuts)
        return f"{whole}, ┊ waits {cuts}" if cuts else whole

    def _column(self, at: datetime) -> int:
        cut, skipped = 0, timedelta()
        for start, end in self._cuts:
            if at >= end:
                cut, skipped = cut + CUT, skipped + (end - start)
        return int((at - self._from - skipped) / self._per_column) + cut

    def _cut_columns(self) -> list[int]:
        return [self._column(end) - CUT // 2 - 1 for _, end in self._cuts]


def _tree(spans: "Sequence[TraceSpan]") -> "Iterator[tuple[str, TraceSpan]]":
    """Each span behind the lines of its branch; those whose parent is not there are roots."""
    known = {span.span_id for span in spans}
    children: dict[str | None, list[TraceSpan]] = {}
    for span in sorted(spans, key=lambda span: span.started_at):
        children.setdefault(span.parent_span_id if span.parent_span_id in known else None, []).append(span)

    def below(parent: str, lines: str) -> "Iterator[tuple[str, TraceSpan]]":
        siblings = children.get(parent, [])
        for span in siblings:
            is_last = span is siblings[-1]
            yield lines + ("└ " if is_last else "├ "), span
            yield from below(span.span_id, lines + ("  " if is_last else "│ "))

    for root in children.get(None, []):
        yield "", root
        yield from below(root.span_id, "")


def _busy(spans: "Sequence[TraceSpan]") -> list[tuple[datetime, datetime]]:
    """The times in which anything ran, in order and apart from each other."""
    pieces: list[tuple[datetime, datetime]] = []
    for start, end in sorted((span.started_at, span.started_at + span.took) for span in spans):
        if pieces and start <= pieces[-1][1]:
            pieces[-1] = (pieces[-1][0], max(end, pieces[-1][1]))
        else:
            pieces.append((start, end))
    return pieces


def _gaps(pieces: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    return [(before[1], after[0]) for before, after in pairwise(pieces)]


def _faults(spans: "Iterator[TraceSpan]") -> "Iterator[RenderableType]":
    from rich.text import Text

    for span in spans:
        if span.failed:
            yield Text(f"failed: {plain(span.name)}, {plain(str(span.attributes.get('error.type', '')))}", style="red")


def _links(spans: "Iterator[TraceSpan]") -> "Iterator[RenderableType]":
    """The other traces that this one is connected with, each once."""
    from rich.text import Text

    linked: dict[str, str] = {}
    for span in spans:
        for link in span.links:
            linked.setdefault(link.trace_id, span.name)
    for trace_id, name in islice(linked.items(), LINKS_SHOWN):
        yield Text(f"linked: {plain(name)} with trace {trace_id}", style="dim")
    if len(linked) > LINKS_SHOWN:
        yield Text(f"linked: with {len(linked) - LINKS_SHOWN} more", style="dim")


def _short(duration: timedelta) -> str:
    """As a person says it: 4 ms, 1.2 s, 3 min 5 s, 2 h 10 min, 1 d 4 h."""
    seconds = duration.total_seconds()
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"
