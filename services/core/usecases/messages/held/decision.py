"""What every decision about a held message begins and ends with: its reason, the locked row, and the record of it."""

from services.core.domain.failures import NotFound
from services.core.storage import attempts, audit, contacts, messages, outbox
from services.core.storage.database import Session
from services.core.storage.models import Message
from services.core.usecases.messages.held.evidence import require_held, view_of
from services.core.usecases.required import require_text
from services.core.usecases.versions import Versions, check_version, version_of


def require_reason(reason: str) -> None:
    require_text("reason", reason, "say why: the next person will ask")


def lock_held(session: Session, message_id: int, versions: Versions | None) -> Message:
    """The message, locked with its contact. Raises `NotFound`, `Conflict`, or `RefusedInput` (412)."""
    found = messages.find(session, message_id)
    if found is None:
        raise NotFound("message", message_id)
    contacts.lock(session, found.contact_id or 0)
    message = outbox.lock(session, message_id)
    if message is not None:
        check_version(lambda: version_of(view_of(session, message)), versions, noun="message")
    return require_held(message, message_id)


def record(session: Session, message_id: int, outcome: str, *, act: str, by: str, reason: str, **facts: object) -> None:
    """Keep the decision for `why`, and the act with its `facts` in the audit."""
    attempts.record_decision(session, message_id, outcome=outcome, gate="operator", reason=reason)
    detail = {"reason": reason, **facts}
    audit.record(session, actor=by, act=act, subject="message", subject_id=message_id, detail=detail)
