"""Read the provider's list about texts in doubt: bounded on both sides of their attempts, and as few times as it goes.

Attempts of one number that lie close together share one reading, where that takes fewer requests than asking for each
recipient. A text that surely was sent then is the control: a list that lacks it is behind, and proves nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from time import monotonic

import structlog

from services.core.domain.reconciliation import READ_TOGETHER, Attempt, ListedMessage, listed_between
from services.core.openphone.client import PAGE_SIZE
from services.core.openphone.errors import ProviderError, ProviderThrottled
from services.core.storage import attempts
from services.core.storage.attempts import Control
from services.core.storage.database import Session
from services.core.storage.models import Message
from services.core.usecases.context import Context

log = structlog.get_logger()

CONTROL_WITHIN = timedelta(minutes=30)
CONTROLS_ASKED = 2
MOST_PAGES = 10
"""Of one shared reading; above it each recipient is asked for, so that no reading outlasts its task."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A text of unknown outcome with its open attempt; `needs_control` when this look may prove its absence."""

    message_id: int
    contact_id: int
    phone_number_id: str
    traceparent: str | None
    attempt_id: int
    number: int
    attempt: Attempt
    needs_control: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """What the provider lists about one attempt, `None` when it could not be read in full.

    `control_seen`: a text that surely was sent around then is listed; `has_control`: there is one.
    """

    entries: tuple[ListedMessage, ...] | None
    control_seen: bool
    has_control: bool


def doubt_about(session: Session, message: Message, *, empty_looks_needed: int) -> Doubt:
    row = attempts.latest(session, message.id)
    looks = attempts.looks_of(session, row.id)
    return Doubt(
        message_id=message.id,
        contact_id=message.contact_id or 0,
        phone_number_id=message.sender_phone_number_id,
        traceparent=message.traceparent,
        attempt_id=row.id,
        number=row.number,
        attempt=Attempt(message.sender, message.e164, message.body or "", row.started_at),
        needs_control=len(looks) + 1 >= empty_looks_needed,
    )


def alongside(doubts: Sequence[Doubt]) -> Iterator[list[Doubt]]:
    """The doubts in groups of one number that began close together, the oldest first."""
    group: list[Doubt] = []
    for doubt in sorted(doubts, key=_by_number_and_time):
        if group and (
            doubt.phone_number_id != group[0].phone_number_id
            or doubt.attempt.started_at - group[0].attempt.started_at > READ_TOGETHER
        ):
            yield group
            group = []
        group.append(doubt)
    if group:
        yield group


class NoTime(Exception):
    """There is no time left to begin another reading: ask again in a task of its own."""


class Listings:
    """The list about a group of doubts, read when it is first asked for, and never begun after `ends_at`.

    Reading raises `ProviderThrottled` or `NoTime`, which say nothing about any text; other errors of the provider make
    a listing that could not be read.
    """

    def __init__(self, context: Context, group: Sequence[Doubt], *, ends_at: float) -> None:
        self._context = context
        self._group = group
        self._ends_at = ends_at
        self._seen: dict[str, bool] = {}
        self.failure: ProviderError | None = None
        """Why the list could not be read, the last time that it couldn't."""
        with context.database.reading() as session:
            self._controls = attempts.controls(
                session,
                sender=group[0].attempt.sender,
                attempt_ids=[doubt.attempt_id for doubt in group],
                within=CONTROL_WITHIN,
            )
        pages = (len(self._controls) + len(group)) // PAGE_SIZE + 1
        self._is_shared = pages <= min(len(group), MOST_PAGES)

    def about(self, doubt: Doubt) -> Listing:
        entries = self._shared if self._is_shared else None
        if entries is None:
            entries = self._read([doubt.attempt], doubt, doubt.attempt.recipient)
        controls = sorted(self._controls, key=lambda control: abs(control.submitted_at - doubt.attempt.started_at))
        near = [each for each in controls if abs(each.submitted_at - doubt.attempt.started_at) <= CONTROL_WITHIN]
        listed = {entry.message_id for entry in entries or ()}
        seen = any(control.provider_message_id in listed for control in near)
        if not seen and doubt.needs_control and entries is not None:
            seen = any(self._is_listed(control, doubt) for control in near[:CONTROLS_ASKED])
        return Listing(entries, seen, bool(near))

    @cached_property
    def _shared(self) -> tuple[ListedMessage, ...] | None:
        return self._read([doubt.attempt for doubt in self._group], self._group[0], None)

    def _is_listed(self, control: Control, doubt: Doubt) -> bool:
        if control.provider_message_id not in self._seen:
            attempt = Attempt(doubt.attempt.sender, control.e164, "", control.submitted_at)
            entries = self._read([attempt], doubt, control.e164) or ()
            self._seen[control.provider_message_id] = any(
                entry.message_id == control.provider_message_id for entry in entries
            )
        return self._seen[control.provider_message_id]

    def _read(self, tried: Sequence[Attempt], doubt: Doubt, recipient: str | None) -> tuple[ListedMessage, ...] | None:
        if monotonic() > self._ends_at:
            raise NoTime
        after, before = listed_between(tried)
        try:
            return self._context.provider.find_sent(
                phone_number_id=doubt.phone_number_id,
                recipient=recipient,
                created_after=after,
                created_before=before,
                ends_at=self._ends_at,
            )
        except ProviderThrottled:
            raise
        except ProviderError as error:
            log.warning("reconcile.list_unreadable", reason=type(error).__name__)
            self.failure = error
            return None


def _by_number_and_time(doubt: Doubt) -> tuple[str, object]:
    return doubt.phone_number_id, doubt.attempt.started_at
