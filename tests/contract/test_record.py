"""The recorded shapes are those of the views, and what other programs would miss is not recorded."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.record import RECORDED, generated, losses

Shapes = dict[str, Any]


@pytest.fixture(scope="module")
def recorded() -> Shapes:
    shapes: Shapes = json.loads(RECORDED.read_text())
    return shapes


def test_what_is_recorded_is_what_is_answered(recorded: Shapes) -> None:
    assert generated() == recorded, "make schemas"


def test_nothing_is_lost_from_one_to_the_same(recorded: Shapes) -> None:
    assert list(losses(recorded, recorded)) == []


def without_a_verb(shapes: Shapes) -> None:
    del shapes["verbs"]["campaigns show"]


def one_instead_of_a_list(shapes: Shapes) -> None:
    shapes["verbs"]["campaigns list"] = "CampaignSummary"


def without_a_field(shapes: Shapes) -> None:
    del shapes["$defs"]["Campaign"]["properties"]["plan_hash"]


def not_always_there(shapes: Shapes) -> None:
    shapes["$defs"]["Campaign"]["required"].remove("plan_hash")


def another_type(shapes: Shapes) -> None:
    shapes["$defs"]["Campaign"]["properties"]["version"] = {"type": "string"}


def null_too(shapes: Shapes) -> None:
    shapes["$defs"]["Campaign"]["properties"]["version"] = {"anyOf": [{"type": "integer"}, {"type": "null"}]}


def without_a_field_deep_inside(shapes: Shapes) -> None:
    del shapes["$defs"]["Rate"]["properties"]["low"]


def without_a_field_of_one_kind(shapes: Shapes) -> None:
    del shapes["$defs"]["EndedStep"]["properties"]["http_status"]


def not_always_there_for_one_kind(shapes: Shapes) -> None:
    shapes["$defs"]["ReceiptStep"]["required"].remove("kind")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without_a_verb, "campaigns show: the verb is gone"),
        (one_instead_of_a_list, "campaigns list: a list and a single thing"),
        (without_a_field, "campaigns show.plan_hash: the field is gone"),
        (not_always_there, "campaigns show.plan_hash: it was always there"),
        (another_type, "campaigns show.version: was integer, and may now be string"),
        (null_too, "campaigns show.version: was integer, and may now be integer, null"),
        (without_a_field_deep_inside, "campaigns results.variants[].response.low: the field is gone"),
        (without_a_field_of_one_kind, "messages why.steps[].http_status: the field is gone"),
        (not_always_there_for_one_kind, "messages why.steps[].kind: it was always there"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_a_reader_would_miss_is_told(recorded: Shapes, change: Callable[[Shapes], None], said: str) -> None:
    changed = copy.deepcopy(recorded)
    change(changed)
    assert any(line.startswith(said) for line in losses(recorded, changed))


def test_more_is_no_loss(recorded: Shapes) -> None:
    grown = copy.deepcopy(recorded)
    grown["verbs"]["numbers list"] = "Campaign*"
    grown["$defs"]["Campaign"]["properties"]["reply_to_note"] = {"type": "string"}
    assert list(losses(recorded, grown)) == []
