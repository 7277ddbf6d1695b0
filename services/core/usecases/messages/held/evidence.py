"""A held message with its evidence: what was tried, what the provider listed, and what a release would risk."""

from collections.abc import Mapping, Sequence

from services.core.domain.failures import Conflict, NotFound
from services.core.domain.messages import MessageStatus
from services.core.storage import attempts
from services.core.storage.database import Session
from services.core.storage.models import Attempt as AttemptRow
from services.core.storage.models import Look, Message
from services.core.views.held import Attempt, Held


def views_of(session: Session, rows: Sequence[Message]) -> list[Held]:
    """As many statements for a page as for one."""
    tried = attempts.of_messages(session, [row.id for row in rows])
    looks = attempts.looks_of_each(session, [attempt.id for each in tried.values() for attempt in each])
    return [_view(row, tried.get(row.id, []), looks) for row in rows]


def view_of(session: Session, message: Message) -> Held:
    return views_of(session, [message])[0]


def require_held(message: Message | None, message_id: int) -> Message:
    """The message. Raises `NotFound`, or `Conflict` for one that is not held."""
    if message is None:
        raise NotFound("message", message_id)
    if message.status != MessageStatus.HELD:
        raise Conflict("not_held", f"message {message_id} is {message.status}, not held: nothing is to be decided")
    return message


def _view(message: Message, tried: Sequence[AttemptRow], looks: Mapping[int, Sequence[Look]]) -> Held:
    shown = [Attempt.of(each, looks=looks.get(each.id, [])) for each in tried]
    return Held.of(message, attempts=shown, risk=_risk(shown))


def _risk(tried: Sequence[Attempt]) -> str:
    looks = [look for attempt in tried for look in attempt.looks]
    if any(look.candidates for look in looks):
        return "the provider has shown a text that could be it: a release most likely texts the person twice"
    if any(look.control_seen for look in looks):
        return "a list that was up to date did not show it: a release texts the person twice only if the list is wrong"
    return "no list proved that it was not sent: a release may text the person twice"
