"""Today: what goes out, what came back, and what waits for a person."""

from datetime import date, datetime

from pydantic import Field

from services.core.domain.schedule import JOBS
from services.core.domain.today import FirstStep, ToDoKind
from services.core.views.installation import HealthPart, Sending
from services.core.views.values import EXAMPLE_AT, Span, View, example


class ToDo(View):
    """Things of one kind that wait for a person; `deadline` is the law's for the oldest of them, where it has one."""

    kind: ToDoKind
    count: int
    oldest: Span | None
    deadline: datetime | None


class TextsToday(View):
    """`left` are due before the day ends; the others were submitted today, by what became of them."""

    left: int
    sent: int = Field(description="All that were submitted today, whatever became of them.")
    delivered: int
    failed: int
    unknown: int = Field(description="Submitted, and not known yet whether they left.")


class CapUse(View):
    name: str
    used: int
    limit: int


class NextRun(View):
    job: str
    due_at: datetime


class Today(View):
    """The day in the business's zone.

    `unwell` are the health report's parts that are not well, but for those that `to_do` tells by itself.
    """

    model_config = example(
        {
            "at": EXAMPLE_AT,
            "day": "2026-03-02",
            "zone": "America/New_York",
            "installation": "production",
            "provider": "openphone",
            "clock_offset": "PT0S",
            "sentence": "12 texts left today, the next at 14:30; 1 thing needs a person.",
            "sending": {
                "rewound": False,
                "stopped_at": None,
                "stopped_by": None,
                "reason": None,
                "breaker_open_until": None,
                "breaker_reason": None,
                "rewound_because": None,
                "last_text_at": "2026-03-02T12:59:58-05:00",
                "texts_since_stop": None,
            },
            "first_step": None,
            "to_do": [{"kind": "reviews", "count": 1, "oldest": "PT3H", "deadline": "2026-03-12T15:00:00Z"}],
            "unwell": [],
            "texts": {"left": 12, "sent": 113, "delivered": 108, "failed": 2, "unknown": 0},
            "replies": 9,
            "opt_outs": 1,
            "running_campaigns": 1,
            "next_text_at": "2026-03-02T14:30:00-05:00",
            "caps": [{"name": "number", "used": 113, "limit": 125}],
            "next_runs": [{"job": next(iter(JOBS)), "due_at": "2026-03-03T08:30:00-05:00"}],
        }
    )

    at: datetime
    day: date
    zone: str
    installation: str
    provider: str
    clock_offset: Span
    sentence: str
    sending: Sending
    first_step: FirstStep | None = Field(description="What an installation that has done nothing yet needs first.")
    to_do: list[ToDo] = Field(description="In the order in which they press; only what there is.")
    unwell: list[HealthPart]
    texts: TextsToday
    replies: int
    opt_outs: int
    running_campaigns: int
    next_text_at: datetime | None
    caps: list[CapUse]
    next_runs: list[NextRun]
