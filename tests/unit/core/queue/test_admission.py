"""What lies in a queue becomes a task as we publish it or a refusal, whatever it is."""

import base64
import gzip
import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.domain.storable import storable_text
from services.core.queue.admission import LONGEST_MESSAGE, REFUSED, admit
from services.core.queue.enqueue import message
from services.core.queue.names import TaskName
from tests.tools.hostile_messages import hostile_messages

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def good(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(message(TaskName.PROCESS_WEBHOOK, ["17"], traceparent=TRACE, origin="test"))
    made["headers"] |= changes
    return made


def admitted(document: dict[str, Any]) -> dict[str, Any]:
    return admit(json.dumps(document).encode(), "webhooks", at=NOW)


def content_of(envelope: dict[str, Any]) -> Any:
    return json.loads(base64.b64decode(envelope["body"]))


def check_form(envelope: dict[str, Any]) -> None:
    """It has the form of a message of ours, and every text in it can be stored."""
    args, kwargs, embed = content_of(envelope)
    assert (kwargs, set(embed.values())) == ({}, {None})
    assert all(isinstance(each, str) and storable_text(each) == each for ids in args for each in ids)
    headers, properties = envelope["headers"], envelope["properties"]
    for text in (headers["id"], headers["task"], *headers.get(REFUSED, {}).values()):
        assert isinstance(text, str)
        assert storable_text(text) == text
    assert properties["delivery_info"] == {"exchange": "", "routing_key": "webhooks"}
    assert properties["correlation_id"] == headers["id"]
    assert len(json.dumps(envelope)) <= LONGEST_MESSAGE, "it may come back from the unacknowledged ones"


@settings(max_examples=150)
@given(raw=st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_any_bytes_become_a_message(raw: bytes) -> None:
    check_form(admit(raw, "webhooks", at=NOW))


def test_any_mutation_becomes_a_message_that_comes_back_as_it_is() -> None:
    for raw in hostile_messages(Random(7), 3000, ids=["17", "18"]):
        first = admit(raw, "webhooks", at=NOW)
        check_form(first)
        again = admit(json.dumps(first).encode(), "webhooks", at=NOW)
        check_form(again)
        assert again["headers"] == first["headers"]
        assert content_of(again) == content_of(first)


@pytest.mark.parametrize("ids", [["17"], [str(number) for number in range(300)], []])
def test_what_we_publish_passes_whole(ids: list[str]) -> None:
    raw = message(TaskName.PROCESS_WEBHOOK, ids, traceparent=TRACE, origin="test")
    envelope = admit(raw.encode(), "webhooks", at=NOW)
    published = json.loads(raw)["headers"]
    published.pop("compression", None)
    assert envelope["headers"] == published
    assert content_of(envelope)[0] == [ids]


def test_every_delivery_has_its_own_tag_and_every_refused_content_one_id() -> None:
    document = good()
    tags = {admitted(document)["properties"]["delivery_tag"] for _ in range(3)}
    assert len(tags) == 3
    refused = [admit(raw, "webhooks", at=NOW)["headers"]["id"] for raw in (b"garbage", b"garbage", b"other")]
    assert refused[0] == refused[1] != refused[2]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"task": "no\0such"}, "the task name"),
        ({"task": "\ud800"}, "the task name"),
        ({"id": "x" * 256}, "the task id"),
        ({"retries": 8}, "retries"),  # else a task that kills its process would do so for ever
        ({"retries": -5}, "retries"),
        ({"retries": True}, "retries"),
        ({"expires": "2020-01-01T00:00:00+00:00"}, "expire"),  # else it disappears without a word
        ({"timelimit": [1e-9, 1e-9]}, "time of its own"),
        ({"eta": "2099-01-01T00:00:00+00:00"}, "does not wait"),
        ({"eta": "tomorrow"}, "eta"),
        ({"compression": "application/x-bz2"}, "other means than gzip"),
    ],
)
def test_a_refusal_names_what_is_wrong(changes: dict[str, Any], says: str) -> None:
    refusal = admitted(good(**changes))["headers"][REFUSED]
    assert refusal["reason"] == "malformed"
    assert says in refusal["error"]


def test_a_wait_within_the_brokers_is_kept_and_one_that_is_over_is_none() -> None:
    soon = (NOW + timedelta(seconds=20)).isoformat()
    assert admitted(good(eta=soon))["headers"]["eta"] == soon
    assert admitted(good(eta="0001-01-01T00:00:00+00:00"))["headers"]["eta"] is None


def test_a_few_bytes_do_not_unfold_to_many() -> None:
    document = good(compression="application/x-gzip")
    document["body"] = base64.b64encode(gzip.compress(bytes(60_000_000))).decode()
    raw = json.dumps(document).encode()
    admit(raw, "webhooks", at=NOW)
    tracemalloc.start()
    try:
        refusal = admit(raw, "webhooks", at=NOW)["headers"][REFUSED]
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(LONGEST_MESSAGE) in refusal["error"]
    assert most < 10_000_000


def test_a_refusal_shows_who_sent_it() -> None:
    document = good(retries=99)
    envelope = admitted(document)
    assert envelope["headers"]["task"] == "process_webhook"
    assert content_of(envelope)[0] == [["17"]]
    assert content_of(admit(b"{broken", "webhooks", at=NOW))[0] == [["{broken"]]
