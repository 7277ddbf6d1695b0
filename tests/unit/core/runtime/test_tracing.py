"""Spans: who is whose parent, what is linked, and that a trace which isn't kept costs nothing and still has its ids."""

from collections.abc import Iterator

import pytest
from opentelemetry import trace

from services.core.runtime import tracing
from services.core.runtime.telemetry import Attribute, SpanName
from services.core.runtime.tracing import begin, first, joined, new_trace, span
from tests.tools.spans import id_of, links_of, parent_of, record

KEPT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NOT_KEPT = KEPT[:-2] + "00"


@pytest.fixture(autouse=True)
def _without_afterwards() -> Iterator[None]:
    yield
    tracing.use(None)


class TestSpan:
    def test_it_is_under_the_current_one_or_the_one_that_is_named(self) -> None:
        seen = record(1)
        with span("outer"), span("inner"):
            pass
        with span("named", parent=KEPT):
            pass
        assert parent_of(seen["inner"]) == id_of(seen["outer"])
        assert parent_of(seen["named"]) == KEPT[3:-3]

    @pytest.mark.parametrize("nonsense", ["", "00-x-x", "ff" + KEPT[2:], "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
    def test_nonsense_begins_a_trace_of_its_own(self, nonsense: str) -> None:
        seen = record(1)
        with span("root", parent=nonsense, links=[nonsense]):
            pass
        assert parent_of(seen["root"]) is None
        assert links_of(seen["root"]) == []

    def test_an_exception_leaves_its_name_and_not_its_words(self) -> None:
        seen = record(1)
        with pytest.raises(ValueError, match="5550100"), span("failing"):
            raise ValueError("+12125550100 is wrong")
        assert (seen["failing"].attributes or {})["error.type"] == "ValueError"
        assert not seen["failing"].status.is_ok
        assert "5550100" not in seen["failing"].to_json()

    def test_unknown_facts_are_left_out(self) -> None:
        seen = record(1)
        with span("one", {Attribute.REASON: None, Attribute.MESSAGE_ID: 7}) as active:
            active.note({Attribute.GATE: None})
        assert dict(seen["one"].attributes or {}) == {"attackacrack.message.id": 7}

    def test_nothing_is_current_after_it(self) -> None:
        record(1)
        begin("never current")
        with span("left"):
            pass
        assert not trace.get_current_span().get_span_context().is_valid


class TestJoined:
    def test_inside_its_own_trace_it_is_under_the_current_span(self) -> None:
        seen = record(1)
        with span("task", parent=KEPT), joined("work", trace_of=KEPT):
            pass
        assert parent_of(seen["work"]) == id_of(seen["task"])
        assert links_of(seen["work"]) == []

    def test_inside_another_it_is_under_the_rows_and_both_are_linked(self) -> None:
        seen = record(1)
        with span("task of many"), joined("work", trace_of=KEPT):
            pass
        assert parent_of(seen["work"]) == KEPT[3:-3]
        assert links_of(seen["work"]) == [id_of(seen["task of many"])]
        assert links_of(seen["task of many"]) == [id_of(seen["work"])]

    def test_a_row_without_a_trace_is_part_of_the_current_one(self) -> None:
        seen = record(1)
        with span("task"), joined("work", trace_of=None):
            pass
        assert parent_of(seen["work"]) == id_of(seen["task"])

    def test_what_is_not_kept_is_linked_to_nothing(self) -> None:
        seen = record(1)
        with span("task"), joined("work", trace_of=NOT_KEPT) as active:
            assert active.traceparent == NOT_KEPT
        assert seen.names() == ["task"]
        assert links_of(seen["task"]) == []


class TestFirst:
    def test_it_is_the_root_with_the_ids_that_the_row_was_given(self) -> None:
        seen = record(0)  # the decision was made with the ids, whatever the ratio is by now
        first("root", {Attribute.MESSAGE_ID: 1}, ids=KEPT, links=[KEPT, NOT_KEPT]).end()
        assert id_of(seen["root"]) == KEPT[3:-3]
        assert parent_of(seen["root"]) is None
        assert links_of(seen["root"]) == [KEPT[3:-3]]

    def test_those_after_it_have_ids_of_their_own(self) -> None:
        seen = record(1)
        first("root", ids=KEPT).end()
        with span("other"):
            pass
        assert id_of(seen["other"])[:32] != KEPT[3:35]

    def test_an_unkept_one_makes_none(self) -> None:
        seen = record(1)
        assert first("root", ids=NOT_KEPT).traceparent == NOT_KEPT
        assert seen.names() == []


class TestSampling:
    def test_an_unkept_trace_keeps_its_ids_for_logs_and_rows(self) -> None:
        seen = record(0)
        with span("root"):
            outer = tracing.traceparent()
            with span("inner") as inner:
                inner.note({Attribute.REASON: "x"})
                inner.fail("x")
                assert tracing.trace_id_of(inner.traceparent) == tracing.trace_id_of(outer) is not None
        assert seen.names() == []
        assert not tracing.is_kept(outer)

    def test_no_span_is_begun_below_an_unkept_head(self, monkeypatch: pytest.MonkeyPatch) -> None:
        record(1)
        monkeypatch.setattr(tracing, "_tracer", None)
        with span("below", parent=NOT_KEPT), span("further below", {Attribute.REASON: "x"}) as active:
            assert active.traceparent == NOT_KEPT

    @pytest.mark.parametrize(("kept", "expected"), [(0.0, {"00"}), (1.0, {"01"})])
    def test_a_share_of_what_begins_later_is_kept(self, kept: float, expected: set[str]) -> None:
        assert {new_trace(kept=kept)[-2:] for _ in range(50)} == expected


def test_every_name_is_declared_once() -> None:
    for declared in (SpanName, Attribute):
        values = [each.value for each in declared]
        assert len(values) == len(set(values))
    ours = [
        each.value
        for each in Attribute
        if each.value.split(".")[0] not in ("http", "url", "server", "error", "process", "messaging")
    ]
    assert all(name.startswith("attackacrack.") for name in ours)
