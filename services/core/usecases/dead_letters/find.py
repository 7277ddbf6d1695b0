"""Find dead letters: the open ones, or one by its id."""

from services.core.domain.failures import NotFound
from services.core.storage import work
from services.core.usecases.context import Context
from services.core.usecases.dead_letters.letters import view_of
from services.core.views.dead_letters import DeadLetter
from services.core.views.values import Page, page_of


def list_dead_letters(context: Context, *, after: int = 0, limit: int = 100) -> Page[DeadLetter]:
    """Open dead letters, oldest first."""
    with context.database.reading() as session:
        return page_of(work.open_dead_letters(session, after=after, limit=limit + 1), limit, view_of)


def show_dead_letter(context: Context, letter_id: int) -> DeadLetter:
    """A letter, open or closed. Raises `NotFound`."""
    with context.database.reading() as session:
        letter = work.find_dead_letter(session, letter_id)
        if letter is None:
            raise NotFound("dead letter", letter_id)
        return view_of(letter)
