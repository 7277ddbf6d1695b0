"""The traces of a whole demo on real processes: who is whose parent, who is linked with whom, what they don't say."""

import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from services.core.runtime.trace_reader import TraceSpan, trace_of
from services.trace_receiver.server import Receiver
from services.trace_receiver.store import Traces
from tests.tools.demo_series import running_demo, write_contacts

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

RECIPIENTS = 60
ACT = "attackacrack up --demo"
ACCEPT, HANDLE, TASK = "POST /webhooks/openphone", "webhook.handle", "run/process_webhook"
CANARIES = "schedule.run"
SEND, SEND_TASK = "message.send", "run/send_campaign_message"

PARENTS = {
    "message.send": {"message.dispatch"},
    "message.receipt": {"message.dispatch"},
    "message.reserve_slot": {SEND},
    "message.gate": {SEND, "message.dispatch"},
    "POST /v1/messages": {SEND},
    "message.record_outcome": {SEND},
    "send campaigns": {"dispatch", CANARIES},
    SEND_TASK: {"send campaigns"},
    "send webhooks": {ACCEPT, CANARIES, None},
    TASK: {"send webhooks"},
    HANDLE: {TASK, ACCEPT},
    "opt_out.heed": {ACCEPT},
    "reply.keep": {HANDLE},
    "message.dispatch": {None},
    "dispatch": {None},
    ACCEPT: {None},
    ACT: {None},
}
"""Of each span by name: the names that its parent may have; `None` is a root, of a batch of several webhooks too."""

LINKED_BOTH_WAYS = [
    (ACT, "message.dispatch"),
    ("dispatch", "message.dispatch"),
    (SEND_TASK, SEND),
    (HANDLE, "message.receipt"),
]
"""Each span of the second name is linked with one of the first, and that one with it."""

LOOKED_FOR = ("Person", "+1212555", "1212555", "foundation check", "cracks in the wall", "Reply STOP", "STOP", "Hi ")


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that the stack's processes exported."""

    spans: Mapping[tuple[str, str], TraceSpan]
    table: Mapping[str, Any]
    secrets: Mapping[str, str]
    raw: str

    def named(self, name: str) -> list[tuple[tuple[str, str], TraceSpan]]:
        return [(key, span) for key, span in self.spans.items() if span.name == name]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("traces")
    write_contacts(folder / "contacts.csv", RECIPIENTS)
    traces = Traces()
    with pytest.MonkeyPatch.context() as environment, Receiver(("127.0.0.1", 0), traces) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        environment.setenv("ATTACKACRACK_OTLP_ENDPOINT", receiver.url)
        with running_demo(folder / "data", folder / "contacts.csv") as demo:
            code, table = demo.result()
        receiver.shutdown()
    assert code == 0, demo.said()
    secrets = json.loads((folder / "data" / "stack.json").read_text())
    documents = traces.all()
    return Seen(
        spans={(document["traceID"], document["spanID"]): read(document) for document in documents},
        table=table,
        secrets={name: value for name, value in secrets.items() if isinstance(value, str) and len(value) > 9},
        raw=json.dumps(documents, ensure_ascii=False),
    )


def read(document: dict[str, Any]) -> TraceSpan:
    spans = [document | {"processID": "p1"}]
    [span] = trace_of({"traceID": document["traceID"], "spans": spans, "processes": {"p1": document["process"]}}).spans
    return span


def test_no_parent_is_missing(seen: Seen) -> None:
    """All processes ended in order, so every span came."""
    missing = [
        span.name
        for (trace_id, _), span in seen.spans.items()
        if span.parent_span_id and (trace_id, span.parent_span_id) not in seen.spans
    ]
    assert Counter(missing) == {}


@pytest.mark.parametrize(("name", "parents"), PARENTS.items(), ids=list(PARENTS))
def test_parents(seen: Seen, name: str, parents: set[str | None]) -> None:
    found = {
        seen.spans[trace_id, span.parent_span_id].name if span.parent_span_id else None
        for (trace_id, _), span in seen.named(name)
    }
    assert found
    assert found <= parents


@pytest.mark.parametrize(("one", "other"), LINKED_BOTH_WAYS, ids=str)
def test_links(seen: Seen, one: str, other: str) -> None:
    others = seen.named(other)
    assert others
    for key, span in others:
        linked = [seen.spans.get((link.trace_id, link.span_id)) for link in span.links]
        [back] = [each for each in linked if each is not None and each.name == one]
        assert key in {(link.trace_id, link.span_id) for link in back.links}


def test_each_text_has_one_trace_from_its_dispatch_to_its_receipt(seen: Seen) -> None:
    sent = Counter(trace_id for (trace_id, _), span in seen.named("POST /v1/messages"))
    assert len(sent) == sum(sent.values()) == seen.table["sent"]
    for trace_id in sent:
        inside = [span for (found, _), span in seen.spans.items() if found == trace_id]
        assert [span.name for span in inside if span.parent_span_id is None] == ["message.dispatch"]
    receipts = {trace_id for (trace_id, _), _ in seen.named("message.receipt")}
    assert receipts == set(sent)


def test_each_webhook_has_one_trace_from_its_arrival_to_its_effect(seen: Seen) -> None:
    accepted = Counter(trace_id for (trace_id, _), _ in seen.named(ACCEPT))
    handled = Counter(trace_id for (trace_id, _), _ in seen.named(HANDLE))
    assert set(accepted.values()) == {1}
    assert handled.keys() <= accepted.keys()
    assert {trace_id for (trace_id, _), _ in seen.named("opt_out.heed")} <= accepted.keys()


def test_no_number_name_text_or_secret_is_in_any_span(seen: Seen) -> None:
    assert len(seen.spans) > 5 * RECIPIENTS
    found = [canary for canary in (*LOOKED_FOR, *seen.secrets.values()) if canary in seen.raw]
    assert found == []
