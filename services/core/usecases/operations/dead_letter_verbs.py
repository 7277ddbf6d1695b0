"""Dead letters: seen, replayed through the same gates as anything else, or discarded with a note."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from time import sleep

from services.core.domain.failures import Conflict, NotFound, RefusedInput
from services.core.queue.enqueue import BrokerUnavailable
from services.core.queue.names import TASK_QUEUES, TaskName
from services.core.runtime import tracing
from services.core.runtime.telemetry import Attribute, SpanName
from services.core.storage import audit, clock, inbox, work
from services.core.storage.database import Session
from services.core.storage.models import DeadLetter
from services.core.usecases.context import Context
from services.core.usecases.versions import Versions, check_version, version_of


@dataclass(frozen=True, slots=True)
class DeadLetterView:
    letter_id: int
    task: str
    args: list[object]
    reason: str
    error: str
    attempts: int
    created_at: datetime
    replayed_at: datetime | None
    discarded_at: datetime | None
    replayed_by: str | None
    discarded_by: str | None
    note: str | None
    trace_id: str | None


@dataclass(frozen=True, slots=True)
class ReplayRefused:
    """A letter that was not replayed, and why."""

    letter_id: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """The letters that were put back on their queues, or with `dry_run` would have been."""

    dry_run: bool
    items: Sequence[DeadLetterView]
    refused: Sequence[ReplayRefused]
    next: None = None


def list_open(context: Context, *, after: int = 0, limit: int = 100) -> Sequence[DeadLetterView]:
    with context.database.reading() as session:
        return [_view(letter) for letter in work.open_dead_letters(session, after=after, limit=limit)]


def show(context: Context, letter_id: int) -> DeadLetterView:
    """A letter, open or closed. Raises `NotFound`."""
    with context.database.reading() as session:
        letter = work.find_dead_letter(session, letter_id)
        if letter is None:
            raise NotFound("dead letter", letter_id)
        return _view(letter)


def replay(
    context: Context, letter_id: int, *, by: str, dry_run: bool = False, versions: Versions | None = None
) -> DeadLetterView:
    """Put the letter's work back on its queue; every gate is asked again. Replaying twice is refused.

    Raises `NotFound`, `Conflict`, or `BrokerUnavailable`, after which the letter is still open.
    """
    with context.database.transaction() as session:
        letter = _open_letter(session, letter_id, versions)
        name = _known_task(letter)
        if dry_run:
            return _view(letter)
        if letter.inbox_id is not None:
            inbox.revive(session, letter.inbox_id)
        letter.replayed_at, letter.replayed_by = clock.product_now(session), by
        audit.record(session, actor=by, act="dead_letter.replayed", subject="dead_letter", subject_id=letter_id)
    try:
        attributes = {Attribute.DEAD_LETTER_ID: letter_id}
        with tracing.joined(SpanName.DEAD_LETTER_REPLAY, attributes, trace_of=letter.traceparent) as active:
            context.broker.enqueue(name, [str(each) for each in letter.args], traceparent=active.traceparent)
    except BrokerUnavailable:
        with context.database.transaction() as session:
            work.reopen_dead_letter(session, letter_id)
        raise
    return _view(letter)


def replay_many(
    context: Context, letter_ids: Sequence[int] | None, *, by: str, dry_run: bool, per_second: float, limit: int
) -> Replayed:
    """Replay these letters, or with `None` the oldest open ones up to `limit`, at most `per_second` of them.

    A letter that was closed meanwhile, or whose task nobody knows, is left out and named with its reason. Raises
    `BrokerUnavailable` when the broker goes away; the letters that were not reached are still open.
    """
    if letter_ids is None:
        letter_ids = [letter.letter_id for letter in list_open(context, limit=limit)]
    replayed: list[DeadLetterView] = []
    refused: list[ReplayRefused] = []
    for letter_id in letter_ids:
        if replayed and not dry_run:
            sleep(1 / per_second)
        try:
            replayed.append(replay(context, letter_id, by=by, dry_run=dry_run))
        except RefusedInput as refusal:
            refused.append(ReplayRefused(letter_id, refusal.code, refusal.detail))
    return Replayed(dry_run, replayed, refused)


def discard(
    context: Context, letter_id: int, *, note: str, by: str, versions: Versions | None = None
) -> DeadLetterView:
    """Close the letter without replaying it. Raises `NotFound`, `Conflict`, or `RefusedInput` without a note."""
    if not note.strip():
        raise RefusedInput("note_missing", "say why the letter is discarded", pointer="/note")
    with context.database.transaction() as session:
        letter = _open_letter(session, letter_id, versions)
        letter.discarded_at, letter.discarded_by, letter.note = clock.product_now(session), by, note
        audit.record(session, actor=by, act="dead_letter.discarded", subject="dead_letter", subject_id=letter_id)
        return _view(letter)


def _open_letter(session: Session, letter_id: int, versions: Versions | None) -> DeadLetter:
    letter = work.lock_dead_letter(session, letter_id)
    if letter is None:
        raise NotFound("dead letter", letter_id)
    check_version(lambda: version_of(_view(letter)), versions, noun="dead letter")
    if letter.replayed_at is not None or letter.discarded_at is not None:
        raise Conflict("dead_letter_closed", f"dead letter {letter_id} was replayed or discarded before")
    return letter


def _known_task(letter: DeadLetter) -> TaskName:
    if letter.name not in TASK_QUEUES:
        raise Conflict("task_unknown", f"no task is called {letter.name}: discard the letter")
    return TaskName(letter.name)


def _view(letter: DeadLetter) -> DeadLetterView:
    return DeadLetterView(
        letter_id=letter.id,
        task=letter.name,
        args=letter.args,
        reason=letter.reason,
        error=letter.error,
        attempts=letter.attempts,
        created_at=letter.created_at,
        replayed_at=letter.replayed_at,
        discarded_at=letter.discarded_at,
        replayed_by=letter.replayed_by,
        discarded_by=letter.discarded_by,
        note=letter.note,
        trace_id=tracing.trace_id_of(letter.traceparent),
    )
