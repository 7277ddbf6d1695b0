"""A dead letter: its view, and its row locked while it is open."""

from services.core.domain.failures import Conflict, NotFound
from services.core.runtime import tracing
from services.core.storage import work
from services.core.storage.database import Session
from services.core.storage.models import DeadLetter
from services.core.usecases.versions import Versions, check_version, version_of
from services.core.views import dead_letters as views


def view_of(letter: DeadLetter) -> views.DeadLetter:
    return views.DeadLetter.of(letter, trace_id=tracing.trace_id_of(letter.traceparent))


def lock_open(session: Session, letter_id: int, versions: Versions | None) -> DeadLetter:
    """The letter, locked. Raises `NotFound`, `Conflict` for a closed one, or `RefusedInput` (412)."""
    letter = work.lock_dead_letter(session, letter_id)
    if letter is None:
        raise NotFound("dead letter", letter_id)
    check_version(lambda: version_of(view_of(letter)), versions, noun="dead letter")
    if letter.replayed_at is not None or letter.discarded_at is not None:
        raise Conflict("dead_letter_closed", f"dead letter {letter_id} was replayed or discarded before")
    return letter
