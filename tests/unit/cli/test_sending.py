"""What a person is told about the one switch."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.cli.verbs.sending import _show_state
from services.core.views.installation import Sending

AT = datetime(2026, 12, 1, 18, tzinfo=UTC)
OPEN = Sending(
    rewound=False,
    stopped_at=None,
    stopped_by=None,
    reason=None,
    breaker_open_until=None,
    breaker_reason=None,
    rewound_because=None,
    last_text_at=None,
    texts_since_stop=None,
)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "texts may leave"),
        ({"stopped_at": AT}, "sending is stopped"),
        ({"breaker_open_until": AT}, "the provider refuses"),
        ({"rewound": True}, "the database may have forgotten what was sent"),
        ({"rewound": True, "stopped_at": AT}, "the database may have forgotten what was sent"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_why_texts_may_not_leave(facts: dict[str, Any], words: str) -> None:
    assert words in str(_show_state(OPEN.model_copy(update=facts), ZoneInfo("UTC"))[0])
