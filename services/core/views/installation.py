"""The installation: its switch, health and clock."""

from datetime import datetime

from pydantic import Field

from services.core.views.values import EXAMPLE_AT, Input, Instant, Reason, Span, View, example


class StopSending(Input):
    model_config = example({"reason": "wrong list: stop everything"})

    reason: Reason


class AdoptDatabase(Input):
    model_config = example({"reason": "restored last night's dump"})

    reason: Reason


class Recovery(View):
    """What the provider had and the database had not.

    `listed` messages were compared; `received` were written to us and stored now; `bound` are texts that waited here
    and had left already; `recorded` are texts that nothing here knew. `adopted`: sending goes on.
    """

    model_config = example({"listed": 214, "received": 3, "bound": 41, "recorded": 2, "adopted": False})

    listed: int
    received: int
    bound: int
    recorded: int
    adopted: bool


class Sending(View):
    """Whether texts may leave: stopped by a person, by the breaker that the provider's refusal opened, or because the
    database was put back to an earlier state, or another was adopted, and nobody has adopted it yet."""

    model_config = example(
        {
            "rewound": False,
            "stopped_at": "2026-03-02T18:00:00Z",
            "stopped_by": "maria",
            "reason": "wrong list: stop everything",
            "breaker_open_until": None,
            "breaker_reason": None,
            "rewound_because": None,
            "last_text_at": "2026-03-02T17:59:58Z",
            "texts_since_stop": 0,
        }
    )

    rewound: bool
    stopped_at: datetime | None
    stopped_by: str | None
    reason: str | None
    breaker_open_until: datetime | None
    breaker_reason: str | None
    rewound_because: str | None
    last_text_at: datetime | None = Field(description="When a text was last submitted.")
    texts_since_stop: int | None = Field(description="Texts submitted since sending was stopped; null while it isn't.")


class HealthPart(View):
    name: str
    well: bool
    found: str
    remedy: str
    age: Span | None


class Health(View):
    model_config = example(
        {
            "at": "2026-03-02T18:00:00Z",
            "healthy": False,
            "parts": [
                {
                    "name": "dead letters",
                    "well": False,
                    "found": "2",
                    "remedy": "attackacrack dead-letters list, then replay",
                    "age": "PT20M",
                }
            ],
        }
    )

    at: datetime | None
    healthy: bool
    parts: list[HealthPart]


class MoveClock(Input):
    model_config = example({"to": EXAMPLE_AT})

    to: Instant


class Clock(View):
    """Product time, the database's own, and the offset between them."""

    model_config = example(
        {"product_now": "2026-03-02T18:00:00Z", "real_now": "2026-02-28T03:00:00Z", "offset": "P2DT15H"}
    )

    product_now: datetime
    real_now: datetime
    offset: Span
