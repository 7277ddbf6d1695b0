"""A text's and an opt-out's trace, read from the Jaeger of the release; drawn into `.cache/e2e-traces.txt`."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from services.core.runtime.trace_reader import Trace, TraceSpan, read_trace, trace_of
from tests.e2e.cluster.release import Release, eventually, forwarded

DRAWINGS = Path(".cache/e2e-traces.txt")
TEXTS = 5
SENDER = "+12127005555"


@dataclass(frozen=True, slots=True)
class Shown:
    """A release whose campaign was begun by commands, and the addresses of its Jaeger and of its provider."""

    release: Release
    campaign_id: int
    jaeger: str
    provider: str

    def trace(self, trace_id: str) -> Trace:
        trace = read_trace(self.jaeger, trace_id)
        assert trace is not None, f"Jaeger has no trace {trace_id}"
        return trace

    def draw(self, title: str, trace: Trace) -> None:
        drawn = self.release.execute("console", "attackacrack", "traces", "show", trace.trace_id)
        with DRAWINGS.open("a") as file:
            file.write(f"{title}\n\n{drawn}\n")


@pytest.fixture(scope="module")
def shown(release: Release) -> Iterator[Shown]:
    release.install()
    DRAWINGS.parent.mkdir(exist_ok=True)
    DRAWINGS.unlink(missing_ok=True)
    release.execute("console", "attackacrack", "clock", "move", "--to-next-opening")
    rows = "".join(f"+1212700{number:04d},Person\n" for number in range(TEXTS))
    import_contacts = ("contacts", "import", "-", "--confirm")
    release.execute("console", "attackacrack", *import_contacts, stdin=f"phone,first_name\n{rows}")
    create = ("--name", "Traced", "--template", "Hi {{first_name|there}}. Reply STOP to opt out.", "--all")
    campaign = release.tell("campaigns", "create", *create, "--ids-per-task", "1")["campaign_id"]
    plan = release.tell("campaigns", "plan", str(campaign))
    release.execute("console", "attackacrack", "campaigns", "start", str(campaign), "--plan", plan["plan_hash"])
    with ExitStack() as stack:
        jaeger = stack.enter_context(forwarded(release.namespace, "service/attackacrack-jaeger", 16686))
        provider = stack.enter_context(forwarded(release.namespace, "service/attackacrack-provider-simulator", 80))
        yield Shown(release, campaign, jaeger, provider)


def names(trace: Trace) -> set[str]:
    return {span.name for span in trace.spans}


def roots(trace: Trace) -> list[TraceSpan]:
    """The spans that hang on none of this trace: one, where it is connected."""
    here = {span.span_id for span in trace.spans}
    return [span for span in trace.spans if span.parent_span_id not in here]


def test_a_texts_trace_goes_from_dispatch_to_receipt_and_is_linked_with_the_command(shown: Shown) -> None:
    def delivered() -> list[int]:
        items = shown.release.tell("messages", "list", "--status", "delivered", "--limit", "100")["items"]
        return [item["message_id"] for item in items]

    eventually(lambda: len(delivered()) == TEXTS, within=300, what="all are delivered")
    trace_id = shown.release.tell("messages", "why", str(delivered()[0]))["trace_id"]
    eventually(lambda: "message.receipt" in names(shown.trace(trace_id)), within=60, what="Jaeger has the receipt")
    trace = shown.trace(trace_id)
    assert [root.name for root in roots(trace)] == ["message.dispatch"]
    assert {"run/send_campaign_message", "message.send", "message.gate", "POST /v1/messages"} <= names(trace)
    linked = [shown.trace(link.trace_id) for link in roots(trace)[0].links]
    [start] = [other for other in linked if "attackacrack campaigns start" in names(other)]
    assert trace_id in {link.trace_id for span in start.spans for link in span.links}
    shown.draw("A campaign's text", trace)
    shown.draw("The command that began it", start)


def test_a_stop_has_one_trace_from_its_arrival_to_the_conversation(shown: Shown) -> None:
    text = {"from": SENDER, "content": "STOP"}
    httpx.post(f"{shown.provider}/_simulator/inbound", json=text, timeout=10).raise_for_status()
    query = {"service": "webhook-ingress", "operation": "opt_out.heed", "limit": "20"}

    def kept() -> list[Trace]:
        """The provider says it by a webhook of each scheme; one of them brings the text into the conversation."""
        answer = httpx.get(f"{shown.jaeger}/api/traces", params=query, timeout=10).json()
        return [trace for trace in map(trace_of, answer["data"]) if "reply.keep" in names(trace)]

    eventually(lambda: bool(kept()), within=120, what="Jaeger has the STOP")
    [trace] = kept()
    assert [root.name for root in roots(trace)] == ["POST /webhooks/openphone"]
    assert {"opt_out.heed", "send webhooks", "run/process_webhook", "webhook.handle", "reply.keep"} <= names(trace)
    opt_outs = shown.release.tell("opt-outs", "list")["items"]
    assert SENDER in {entry["e164"] for entry in opt_outs}
    shown.draw("An inbound STOP", trace)
