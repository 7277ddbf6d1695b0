"""Conversations: who wrote to us, what was said, and a person's answer, which goes through the gate as any text."""

from datetime import datetime
from hashlib import sha256

from services.core.domain.failures import Conflict, NotFound, RefusedInput
from services.core.domain.messages import Direction
from services.core.domain.segments import normalise_text, utf16_length
from services.core.domain.templates import MAXIMUM_LENGTH, is_blank
from services.core.storage import audit, clock, contacts, conversations
from services.core.storage.database import Session
from services.core.storage.models import Contact, Message
from services.core.usecases.contacts.person_key import person_key
from services.core.usecases.context import Context
from services.core.usecases.messages.queue_text import queue_text
from services.core.views import conversations as views
from services.core.views.values import Page, page_of

LONGEST_KEY = 255


def list_conversations(context: Context, *, before: int | None = None, limit: int) -> Page[views.ConversationSummary]:
    """Contacts who have written to us, the latest first; `next` is the `before` of the following page."""
    with context.database.reading() as session:
        rows = conversations.page(session, before=before, limit=limit + 1)
        return page_of(rows, limit, _summary, position="last.id")


def show_conversation(
    context: Context, key: str, *, before: int | None = None, limit: int = 100
) -> views.Conversation[int]:
    """What a contact, by id or number, and we wrote to each other. Raises `NotFound`."""
    with context.database.reading() as session:
        contact = _find(session, person_key(context, key))
        rows = conversations.texts(session, contact.id, before=before, limit=limit + 1)
        return views.Conversation[int].of(
            contact,
            texts=[_text(row) for row in reversed(rows[:limit])],
            before=rows[limit - 1].id if len(rows) > limit else None,
        )


def reply_to_conversation(
    context: Context, key: str, new: views.NewReply, *, idempotency_key: str, by: str
) -> views.Reply:
    """Answer a person who wrote to us; the text leaves when the gate allows it.

    The same `idempotency_key` makes one message, however often it is asked for. Raises `RefusedInput`, `NotFound`, or
    `Conflict`: opted out, suppressed, paused, never wrote, or the key was used for another text.
    """
    body = _checked(new.text)
    if not 0 < len(idempotency_key) <= LONGEST_KEY:
        raise RefusedInput("key_refused", f"the key has 1 to {LONGEST_KEY} characters", pointer="/idempotency_key")
    with context.database.transaction() as session:
        contact = contacts.lock(session, _find(session, person_key(context, key)).id)
        known = conversations.reply_by_key(session, contact.id, idempotency_key)
        if known is not None:
            return _repeated(session.get_one(Message, known), body)
        _check_may_answer(session, contact)
        message = queue_text(context, session, contact, body, not_before=clock.product_now(session))
        detail = {"key": idempotency_key, "message_id": message.id}
        audit.record(
            session, actor=by, act=conversations.REPLIED, subject="contact", subject_id=contact.id, detail=detail
        )
        return views.Reply.of(message, repeated=False)


def _find(session: Session, key: str) -> Contact:
    found = contacts.find(session, key)
    if found is None:
        raise NotFound("contact", "of that number" if key.startswith("+") else "of that id")
    return found


def _checked(text: str) -> str:
    body = normalise_text(text)
    if is_blank(body) or "\0" in body or any("\ud800" <= letter <= "\udfff" for letter in body):
        raise RefusedInput("text_refused", "the text is blank or has characters that cannot be sent", pointer="/text")
    if utf16_length(body) > MAXIMUM_LENGTH:
        raise RefusedInput("text_too_long", f"the text is longer than {MAXIMUM_LENGTH}: shorten it", pointer="/text")
    return body


def _check_may_answer(session: Session, contact: Contact) -> None:
    if contact.opted_out_at is not None:
        raise Conflict("opted_out", f"the contact opted out on {contact.opted_out_at:%Y-%m-%d}: nothing is sent")
    if contact.suppressed_reason is not None:
        raise Conflict("suppressed", f"nothing is sent to this number: {contact.suppressed_reason}")
    if contact.paused_at is not None:
        raise Conflict("paused", "what the contact wrote may mean stop: decide that first, attackacrack reviews list")
    if not conversations.has_written(session, contact.id):
        raise Conflict("nothing_to_answer", "the contact has never written: only an answer goes outside a campaign")


def _repeated(message: Message, body: str) -> views.Reply:
    if message.body_hash != sha256(body.encode()).digest():
        raise Conflict("key_reused", "this key was used for another text: take a new one", pointer="/idempotency_key")
    return views.Reply.of(message, repeated=True)


def _summary(row: conversations.ConversationRow) -> views.ConversationSummary:
    contact, last = row.contact, row.last
    return views.ConversationSummary.of(
        contact,
        incoming=row.incoming,
        last_message_id=last.id,
        last_at=_at(last),
        last_text=last.body,
        unanswered=last.direction == Direction.INCOMING and contact.opted_out_at is None,
    )


def _text(row: Message) -> views.ConversationText:
    return views.ConversationText.of(row, at=_at(row))


def _at(row: Message) -> datetime:
    return row.said_at or row.submitted_at or row.created_at
