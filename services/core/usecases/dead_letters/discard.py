"""Discard a dead letter."""

from services.core.storage import audit, clock
from services.core.usecases.context import Context
from services.core.usecases.dead_letters.letters import lock_open, view_of
from services.core.usecases.required import require_text
from services.core.usecases.versions import Versions
from services.core.views.dead_letters import DeadLetter, Discard


def discard_dead_letter(
    context: Context, letter_id: int, discard: Discard, *, by: str, versions: Versions | None = None
) -> DeadLetter:
    """Close the letter without replaying it. Raises `NotFound`, `Conflict`, or `RefusedInput` without a note."""
    require_text("note", discard.note, "say why the letter is discarded")
    with context.database.transaction() as session:
        letter = lock_open(session, letter_id, versions)
        letter.discarded_at, letter.discarded_by, letter.note = clock.product_now(session), by, discard.note
        audit.record(session, actor=by, act="dead_letter.discarded", subject="dead_letter", subject_id=letter_id)
        return view_of(letter)
