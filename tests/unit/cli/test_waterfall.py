"""A trace on a terminal: a tree with bars that fit the width, with long waits cut short."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from services.cli.waterfall import Axis, Waterfall, _short
from services.core.views.traces import SpanLink, Trace, TraceSpan

AT = datetime(2026, 3, 2, 18, tzinfo=UTC)


def a_span(
    name: str, start: float, took: float, *, parent: str | None = None, failed: bool = False, links: int = 0
) -> TraceSpan:
    """Times are in seconds after `AT`; a span's id is its name."""
    return TraceSpan(
        span_id=name,
        parent_span_id=parent,
        name=name,
        service="beat",
        kind="internal",
        started_at=AT + timedelta(seconds=start),
        took=timedelta(seconds=took),
        failed=failed,
        attributes={"error.type": "rate_limited"} if failed else {},
        links=[SpanLink(trace_id=f"{number:032x}", span_id="1") for number in range(links)],
    )


def drawn(*spans: TraceSpan, width: int = 100) -> list[str]:
    page = StringIO()
    trace = Trace(trace_id="t" * 32, spans=list(spans))
    Console(file=page, width=width, highlight=False).print(Waterfall(trace))
    return [line.rstrip() for line in page.getvalue().splitlines()]


def test_a_tree_with_its_bars() -> None:
    lines = drawn(
        a_span("root", 0, 4),
        a_span("second", 2, 2, parent="root", failed=True),
        a_span("first", 0, 2, parent="root"),
        a_span("below", 1, 1, parent="first"),
    )
    assert lines[:2] == [f"trace {'t' * 32}", "4 spans, began 2026-03-02 18:00:00.000 UTC"]
    names = [line.split("beat")[0].rstrip() for line in lines[3:7]]
    assert names == ["root", "├ first", "│ └ below", "└ second"]
    bars = [line[line.index("█") :] if "█" in line else "" for line in lines[3:7]]
    assert len(bars[0]) == pytest.approx(2 * len(bars[1]), abs=2)
    assert len(bars[1]) == pytest.approx(len(bars[3]), abs=1)
    assert lines[6].endswith(bars[3])
    assert "failed: second, rate_limited" in lines


def test_a_long_wait_takes_a_few_columns() -> None:
    axis = Axis([a_span("a", 0, 1), a_span("b", 7201, 1)], width=23)
    assert axis.scale() == "2 h 0 min in all, ┊ waits 2 h 0 min"
    assert axis.bar(a_span("a", 0, 1)) == "██████████ ┊           "
    assert axis.bar(a_span("b", 7201, 1)) == "           ┊ ██████████"


def test_whose_parent_never_came_is_a_root() -> None:
    lines = drawn(a_span("orphan", 1, 1, parent="gone"), a_span("root", 0, 1))
    assert [line.split()[0] for line in lines[3:5]] == ["root", "orphan"]


def test_links_are_counted_beyond_a_few() -> None:
    lines = drawn(a_span("start", 0, 1, links=12))
    assert sum(line.startswith("linked: start with trace") for line in lines) == 10
    assert lines[-1] == "linked: with 2 more"


@pytest.mark.parametrize("width", [60, 80, 140])
def test_it_fits(width: int) -> None:
    lines = drawn(a_span("root", 0, 0.004), a_span("child", 0.001, 0.0001, parent="root"), width=width)
    assert max(map(len, lines)) <= width
    assert all("█" in line for line in lines[3:5])


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0000123, "12 µs"),
        (0.0042, "4.2 ms"),
        (1.234, "1.23 s"),
        (185, "3 min 5 s"),
        (7800, "2 h 10 min"),
        (100800, "1 d 4 h"),
    ],
)
def test_durations(seconds: float, expected: str) -> None:
    assert _short(timedelta(seconds=seconds)) == expected
