"""What a person looks at first: one sentence on the day, and what waits for a person in the order in which it presses.

The order is that of the law and then of harm: an opt-out that nobody has understood yet must be honoured within ten
days (47 CFR 64.1200(a)(10)), a webhook in quarantine may hold one, a person waits for an answer, a campaign stopped
itself, a text may or may not have left, work gave up.
"""

from datetime import timedelta
from enum import StrEnum

REVIEW_WITHIN = timedelta(days=10)


class ToDoKind(StrEnum):
    """In the order in which they press."""

    REVIEWS = "reviews"
    QUARANTINED = "quarantined"
    REPLIES = "replies"
    STOPPED = "stopped_campaigns"
    HELD = "held"
    DEAD_LETTERS = "dead_letters"


class FirstStep(StrEnum):
    """What an installation that has done nothing yet needs first."""

    IMPORT = "import"
    CAMPAIGN = "campaign"


def sentence(
    *, left: int, next_at: str | None, first_step: FirstStep | None, is_stopped: bool, to_do: int, unwell: int
) -> str:
    """The day in one sentence; `next_at` is a local time of day."""
    if first_step is FirstStep.IMPORT:
        begins = "Nobody to text yet"
    elif first_step is FirstStep.CAMPAIGN:
        begins = "No campaign yet"
    elif not left:
        begins = "No texts left for today"
    else:
        begins = f"{counted(left, 'text')} left today"
    if is_stopped:
        begins += ", and sending is stopped"
    elif left and next_at is not None:
        begins += f", the next at {next_at}"
    return f"{begins}; {_wrong(to_do, unwell)}."


def counted(count: int, noun: str) -> str:
    """The noun with its number: 1 text, 1,200 texts."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _wrong(to_do: int, unwell: int) -> str:
    parts = []
    if unwell:
        parts.append(f"{counted(unwell, 'part')} {'is' if unwell == 1 else 'are'} not well")
    if to_do:
        parts.append(f"{counted(to_do, 'thing')} {'needs' if to_do == 1 else 'need'} a person")
    return " and ".join(parts) or "nothing is wrong"
