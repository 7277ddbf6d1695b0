import base64
import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.queue.enqueue import message
from services.core.queue.names import TaskName


def decoded(text: str) -> tuple[dict[str, Any], Any]:
    envelope = json.loads(text)
    body = base64.b64decode(envelope["body"])
    if "compression" in envelope["headers"]:
        body = gzip.decompress(body)
    return envelope, json.loads(body)


@given(st.lists(st.text(max_size=40), max_size=200))
def test_the_ids_arrive_as_one_list_whatever_their_number(ids: list[str]) -> None:
    _, (args, kwargs, _) = decoded(message(TaskName.PROCESS_WEBHOOK, ids, traceparent=None, origin="test"))
    assert (args, kwargs) == ([ids], {})


def test_the_trace_rides_in_the_headers() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    envelope, _ = decoded(message(TaskName.DEBUG_TASK, [], traceparent=trace, origin="test"))
    assert envelope["headers"]["traceparent"] == trace
    envelope, _ = decoded(message(TaskName.DEBUG_TASK, [], traceparent=None, origin="test"))
    assert "traceparent" not in envelope["headers"]


def test_no_two_messages_share_an_id() -> None:
    made = [json.loads(message(TaskName.DEBUG_TASK, [], traceparent=None, origin="test")) for _ in range(100)]
    assert len({each["headers"]["id"] for each in made}) == 100
    assert len({each["properties"]["delivery_tag"] for each in made}) == 100


def test_one_text_is_not_a_list_of_ids() -> None:
    with pytest.raises(TypeError, match="not one text"):
        message(TaskName.DEBUG_TASK, "abc", traceparent=None, origin="test")
