"""Cancel held messages: whether they left stays unknown, and they are never sent again."""

from services.core.domain.messages import MessageReason
from services.core.storage import clock
from services.core.storage.outbox.life import skip
from services.core.usecases.context import Context
from services.core.usecases.messages.held.decision import lock_held, record, require_reason
from services.core.usecases.messages.held.evidence import view_of
from services.core.usecases.messages.held.several import decided, find_several, preview
from services.core.usecases.one_by_one import one_by_one
from services.core.usecases.versions import Versions
from services.core.views.held import Decided, Decision, Held, SeveralHeld


def cancel_held(
    context: Context, message_id: int, decision: Decision, *, by: str, versions: Versions | None = None
) -> Held:
    """Never send it again. Raises `NotFound`, `Conflict`, or `RefusedInput` without a reason."""
    require_reason(decision.reason)
    with context.database.transaction() as session:
        message = lock_held(session, message_id, versions)
        skip(message, reason=MessageReason.CANCELLED_BY_OPERATOR, at=clock.product_now(session))
        record(session, message_id, "cancelled", act="message.cancelled", by=by, reason=decision.reason)
        return view_of(session, message)


def cancel_many_held(context: Context, chosen: SeveralHeld, *, by: str) -> Decided:
    """Cancel the oldest of those that are meant, each by itself. Raises `RefusedInput` without a reason or a filter."""
    require_reason(chosen.reason)
    with context.database.reading() as session:
        ids, matched = find_several(session, chosen)
        if chosen.dry_run:
            return preview(session, ids, matched)
    decision = Decision(reason=chosen.reason)
    done, refused = one_by_one(ids, lambda message_id: cancel_held(context, message_id, decision, by=by))
    return decided(matched, done, refused)
