"""Replay dead letters: their work goes back on its queue, through the same gates as anything else."""

from time import sleep

from services.core.domain.failures import Conflict
from services.core.queue.enqueue import BrokerUnavailable
from services.core.queue.names import TASK_QUEUES, TaskName
from services.core.runtime import tracing
from services.core.runtime.telemetry import Attribute, SpanName
from services.core.storage import audit, clock, inbox, work
from services.core.storage.models import DeadLetter
from services.core.usecases.context import Context
from services.core.usecases.dead_letters.letters import lock_open, view_of
from services.core.usecases.one_by_one import one_by_one
from services.core.usecases.versions import Versions
from services.core.views import dead_letters as views


def replay_dead_letter(
    context: Context, letter_id: int, *, by: str, dry_run: bool = False, versions: Versions | None = None
) -> views.DeadLetter:
    """Put the letter's work back on its queue; every gate is asked again. Replaying twice is refused.

    Raises `NotFound`, `Conflict`, or `BrokerUnavailable`, after which the letter is still open.
    """
    with context.database.transaction() as session:
        letter = lock_open(session, letter_id, versions)
        name = _known_task(letter)
        if dry_run:
            return view_of(letter)
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
    return view_of(letter)


def replay_dead_letters(context: Context, chosen: views.SeveralLetters, *, by: str) -> views.Replayed:
    """Replay the chosen letters, each by itself, at most `per_second` of them.

    A letter that was closed meanwhile, or whose task nobody knows, is left out and named with its reason. Raises
    `BrokerUnavailable` when the broker goes away; the letters that were not reached are still open.
    """
    letter_ids = chosen.letter_ids
    if letter_ids is None:
        with context.database.reading() as session:
            letter_ids = [letter.id for letter in work.open_dead_letters(session, limit=chosen.limit)]
    pause = 0.0

    def replay(letter_id: int) -> views.DeadLetter:
        nonlocal pause
        sleep(pause)
        replayed = replay_dead_letter(context, letter_id, by=by, dry_run=chosen.dry_run)
        pause = 0.0 if chosen.dry_run else 1 / chosen.per_second
        return replayed

    replayed, refused = one_by_one(letter_ids, replay)
    return views.Replayed(
        dry_run=chosen.dry_run,
        items=replayed,
        refused=[
            views.ReplayRefused(letter_id=letter_id, code=refusal.code, detail=refusal.detail)
            for letter_id, refusal in refused
        ],
        next=None,
    )


def _known_task(letter: DeadLetter) -> TaskName:
    if letter.name not in TASK_QUEUES:
        raise Conflict("task_unknown", f"no task is called {letter.name}: discard the letter")
    return TaskName(letter.name)
