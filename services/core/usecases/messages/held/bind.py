"""Bind a held message to one of the provider's: then it was sent."""

from services.core.domain.failures import Conflict, NotFound
from services.core.domain.messages import Direction
from services.core.domain.reconciliation import ListedMessage
from services.core.openphone.errors import NotFound as ProviderHasNone
from services.core.storage import attempts, clock
from services.core.storage.models import Message
from services.core.storage.outbox.life import apply_receipt
from services.core.storage.unique import unless_taken
from services.core.usecases.context import Context
from services.core.usecases.messages.held.decision import lock_held, record, require_reason
from services.core.usecases.messages.held.evidence import view_of
from services.core.usecases.messages.record_outcome import bind
from services.core.usecases.versions import Versions
from services.core.views.held import Binding, Held


def bind_held(
    context: Context, message_id: int, binding: Binding, *, by: str, versions: Versions | None = None
) -> Held:
    """Say that the provider's message is this one. It must be from our number to this person, and nobody else's.

    Raises `NotFound`, `Conflict`, `RefusedInput` without a reason, or a `ProviderError`.
    """
    require_reason(binding.reason)
    try:
        entry = context.provider.get_message(binding.provider_message_id)
    except ProviderHasNone as error:
        raise NotFound("message of the provider", binding.provider_message_id) from error
    with context.database.transaction() as session:
        message = lock_held(session, message_id, versions)
        if not _is_between_the_same(entry, message):
            raise Conflict("another_message", "the provider's message is from or to another number: take the right id")
        taken = Conflict("bound_already", "the provider's message belongs to another of ours already")
        at = clock.product_now(session)
        row = attempts.latest(session, message_id)
        with unless_taken(session, taken):
            bind(session, message, row, binding.provider_message_id, entry.conversation_id, at=at)
        if entry.receipt is not None:
            apply_receipt(message, entry.receipt, occurred_at=at, error_code=entry.error_code, at=at)
        facts = {"provider_message_id": binding.provider_message_id}
        record(session, message_id, "bound", act="message.bound", by=by, reason=binding.reason, **facts)
        return view_of(session, message)


def _is_between_the_same(entry: ListedMessage, message: Message) -> bool:
    return (
        entry.direction is Direction.OUTGOING and entry.sender == message.sender and entry.recipients == (message.e164,)
    )
