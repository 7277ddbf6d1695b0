"""Find held messages: all, or one by its id, with their evidence."""

from services.core.domain.messages import MessageStatus
from services.core.storage import messages
from services.core.usecases.context import Context
from services.core.usecases.messages.held.evidence import require_held, view_of, views_of
from services.core.views.held import Held
from services.core.views.values import Page


def list_held(context: Context, *, after: int = 0, limit: int = 100) -> Page[Held]:
    """Held messages by id, each with its evidence."""
    with context.database.reading() as session:
        rows = messages.page(session, status=MessageStatus.HELD, after=after, limit=limit + 1)
        views = views_of(session, rows[:limit])
        return Page(items=views, next=views[-1].message_id if len(rows) > limit else None)


def show_held(context: Context, message_id: int) -> Held:
    """Raises `NotFound`, or `Conflict` for a message that is not held."""
    with context.database.reading() as session:
        return view_of(session, require_held(messages.find(session, message_id), message_id))
