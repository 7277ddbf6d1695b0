"""What is refused of an input that our own code makes: the field is named, its value never."""

from typing import Any

import pytest

from services.core.domain.failures import RefusedInput
from services.core.views.campaigns import NewCampaign
from services.core.views.opt_outs import NewOptOut
from services.core.views.values import Input

SECRET = "canary-7f3a"
CAMPAIGN: dict[str, Any] = {"name": "May", "template_a": "Hi", "audience": {"all": True}}


@pytest.mark.parametrize(
    ("made", "values", "pointer", "said"),
    [
        (NewOptOut, {"phone": "", "evidence": "x"}, "/phone", "phone: "),
        (NewOptOut, {"phone": "1", "evidence": SECRET * 200}, "/evidence", "evidence: "),
        (NewCampaign, CAMPAIGN | {"daily_cap": 0}, "/daily_cap", "daily_cap: "),
        (NewCampaign, CAMPAIGN | {"fields": ["ok", SECRET * 20]}, "/fields/1", "fields.1: "),
        (NewCampaign, CAMPAIGN | {"window": {"opens": SECRET, "closes": "17:00"}}, "/window/opens", "window.opens: "),
        (NewCampaign, CAMPAIGN | {"batch_every": 5}, "/batch_every", "batch_every: a text in ISO 8601"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_refusal_names_the_field(made: type[Input], values: dict[str, Any], pointer: str, said: str) -> None:
    with pytest.raises(RefusedInput) as refused:
        made.read(**values)
    assert (refused.value.code, refused.value.pointer) == ("body_invalid", pointer)
    assert refused.value.detail.startswith(said)
    assert SECRET not in refused.value.detail
