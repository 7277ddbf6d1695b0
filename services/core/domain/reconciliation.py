"""What became of a text whose sending ended in doubt: matching against the provider's list, and when to stop looking.

Rules: reliability design 2.4. A match binds; absence counts only when it was seen often and long enough, and when a
control message proves that the list is not stale. Everything else waits, and is held for a person in the end.
"""

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.core.domain.messages import Direction, Receipt

LOOKS = (
    timedelta(seconds=15),
    timedelta(seconds=60),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=60),
    timedelta(hours=6),
)
"""When to look, counted from the start of the attempt."""

LISTED_BEFORE = timedelta(seconds=120)
"""How long before the attempt's start the list is read: the clocks may differ."""

CREATED_WITHIN = timedelta(minutes=15)
LISTED_AFTER = CREATED_WITHIN + timedelta(minutes=2)
"""How long after the attempt's start the list is read: what was created later can't be its text."""

READ_TOGETHER = timedelta(minutes=15)
"""Attempts of one number that began within so long of each other may share one reading of the list."""

EMPTY_LOOKS = 4
EMPTY_SPAN = timedelta(minutes=60)

_PLAIN = str.maketrans(
    {
        "‘": "'",
        "’": "'",
        "‚": "'",
        "‛": "'",
        "′": "'",
        "“": '"',
        "”": '"',
        "„": '"',
        "‟": '"',
        "″": '"',
        "«": '"',
        "»": '"',
        "‐": "-",
        "‑": "-",
        "‒": "-",
        "–": "-",
        "—": "-",
        "―": "-",
        "−": "-",
        "…": "...",
        "•": "-",
        "\u00a0": " ",
        "\u2007": " ",
        "\u2009": " ",
        "\u202f": " ",
        "\u200b": "",
        "\ufeff": "",
        "`": "'",
    }
)
"""What carriers and providers write for characters outside the GSM-7 alphabet."""


@dataclass(frozen=True, slots=True)
class ListedMessage:
    """A message as the provider lists it; `receipt` is what its status says about delivery, if anything."""

    message_id: str
    direction: Direction
    sender: str
    recipients: tuple[str, ...]
    text: str
    status: str
    receipt: Receipt | None
    error_code: str | None
    created_at: datetime
    conversation_id: str | None
    phone_number_id: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One submission in doubt; `started_at` is product time."""

    sender: str
    recipient: str
    text: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Bind:
    """The text was sent under this id; with `duplicate` the provider shows it more than once: an incident."""

    message_id: str
    duplicate: bool


@dataclass(frozen=True, slots=True)
class LookAgain:
    at: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """Looking is over without proof: a person decides."""

    reason: str


Verdict = Bind | LookAgain | Hold


def listed_between(attempts: Sequence[Attempt]) -> tuple[datetime, datetime]:
    """The stretch of the provider's list that can have something to say about these attempts."""
    began = [attempt.started_at for attempt in attempts]
    return min(began) - LISTED_BEFORE, max(began) + LISTED_AFTER


def candidates(
    attempt: Attempt, listed: Iterable[ListedMessage], bound_ids: Collection[str]
) -> tuple[ListedMessage, ...]:
    """The listed messages that can be this attempt, earliest first; `bound_ids` belong to other attempts."""
    text = comparable(attempt.text)
    earliest, latest = attempt.started_at - LISTED_BEFORE, attempt.started_at + CREATED_WITHIN
    found = {
        message.message_id: message
        for message in listed
        if message.direction is Direction.OUTGOING
        and message.sender == attempt.sender
        and message.recipients == (attempt.recipient,)
        and earliest <= message.created_at <= latest
        and message.message_id not in bound_ids
        and comparable(message.text) == text
    }
    return tuple(sorted(found.values(), key=lambda message: (message.created_at, message.message_id)))


def decide_look(
    attempt: Attempt,
    *,
    listed: Iterable[ListedMessage] | None,
    bound_ids: Collection[str],
    empty_looks: Sequence[datetime],
    control_visible: bool,
    at: datetime,
    jitter: timedelta,
) -> Verdict:
    """Judge the look at `at`: `listed` is None when the list could not be read in full, which is no evidence.

    `empty_looks` are the earlier looks that found nothing; the caller records this one when it is empty as well.
    `jitter` is added to the time of the next look.
    """
    if found := candidates(attempt, listed or (), bound_ids):
        return Bind(found[0].message_id, duplicate=len(found) > 1)
    looks = [*empty_looks] if listed is None else [*empty_looks, at]
    if absence_counts(looks, control_visible=control_visible):
        return Hold("absent")
    next_at = next_look_at(attempt.started_at, looks, at=at)
    if next_at is not None:
        return LookAgain(next_at + jitter)
    return Hold("list_unreadable" if listed is None else "absence_unproven")


def absence_counts(empty_looks: Sequence[datetime], *, control_visible: bool) -> bool:
    """Whether not finding the text has become evidence that it was not sent."""
    if not control_visible or len(empty_looks) < EMPTY_LOOKS:
        return False
    return max(empty_looks) - min(empty_looks) >= EMPTY_SPAN


def next_look_at(started_at: datetime, empty_looks: Sequence[datetime], *, at: datetime) -> datetime | None:
    """When to look next, or None when the schedule is over.

    The look at an hour waits until an hour after the first empty one, so that it can complete the span.
    """
    upcoming = next((offset for offset in LOOKS if started_at + offset > at), None)
    if upcoming is None:
        return None
    if upcoming == EMPTY_SPAN and empty_looks:
        return max(started_at + upcoming, min(empty_looks) + EMPTY_SPAN)
    return started_at + upcoming


def comparable(text: str) -> str:
    """The text as far as the provider's own encoding leaves it alone: NFC, line ends, blanks at ends, plain signs."""
    plain = unicodedata.normalize("NFC", text).translate(_PLAIN).replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join(line.rstrip() for line in plain.split("\n")).strip()
