"""Rows of an installation that has lived: texts to people and from them, and what waits for a person to decide."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

from redis import Redis

from services.core.domain.messages import Direction, MessageKind, MessageStatus
from services.core.domain.segments import count_segments
from services.core.queue.names import TaskName
from services.core.storage import clock, contacts, opt_outs, outbox, work
from services.core.storage.models import Contact, InboxEvent, Message
from services.core.storage.outbox import life, make
from services.core.usecases.campaigns.create import create_campaign
from services.core.usecases.campaigns.plan import plan_campaign
from services.core.usecases.campaigns.start import start_campaign
from services.core.usecases.context import Context
from services.core.views.campaigns import NewCampaign

LEASE = timedelta(minutes=1)


def warm_limiter(context: Context) -> None:
    """Let the shared rate be known, as it is in a stack that runs; a new one gives out no slot for seconds."""
    with Redis.from_url(context.settings.redis_url.get_secret_value(), decode_responses=True) as client:
        state = {"next": 0, "next_read": 0, "run": client.info("server")["run_id"]}
        client.hset(f"throttle:{context.key_fingerprint}", mapping=state)


def add_text(context: Context, contact_id: int, body: str = "Hello. Reply STOP to opt out.", **values: Any) -> int:
    """A text to a person outside any campaign, due now; `values` are columns that differ."""
    with context.database.transaction() as session:
        now = clock.product_now(session)
        message = make.one(
            session,
            session.get_one(Contact, contact_id),
            body,
            sender=context.settings.provider_phone_number,
            sender_phone_number_id=context.settings.provider_phone_number_id,
            not_before=now - timedelta(seconds=1),
            share_of_traces=0,
        )
        for name, value in values.items():
            setattr(message, name, value)
        return message.id


def add_held_text(context: Context, contact_id: int, **values: Any) -> int:
    """A text that was attempted ten minutes ago and that the provider's list doesn't show: a person decides."""
    message_id = add_text(context, contact_id, **values)
    with context.database.transaction() as session:
        now = clock.product_now(session)
        outbox.claim(session, [message_id], lease=LEASE)
        message = session.get_one(Message, message_id)
        attempt = life.begin(session, message, at=now - timedelta(minutes=10), lease=LEASE, next_look_at=now)
        attempt.outcome, attempt.finished_at = "unknown", now
        life.move(message, MessageStatus.UNCERTAIN, at=now)
        life.move(message, MessageStatus.HELD, at=now, reason="absent")
    return message_id


def add_reply(context: Context, contact_id: int, said: str = "how much is it?", **values: Any) -> int:
    """A text that a person wrote to us ten minutes ago."""
    with context.database.transaction() as session:
        message = Message(
            direction=Direction.INCOMING,
            kind=MessageKind.TRANSACTIONAL,
            contact_id=contact_id,
            e164=session.get_one(Contact, contact_id).e164,
            sender=context.settings.provider_phone_number,
            sender_phone_number_id=context.settings.provider_phone_number_id,
            body=said,
            body_hash=sha256(said.encode()).digest(),
            segments=count_segments(said).segments,
            status=MessageStatus.RECEIVED,
            **{"said_at": clock.product_now(session) - timedelta(minutes=10)} | values,
        )
        session.add(message)
        session.flush()
        return message.id


def add_review(context: Context, contact_id: int) -> int:
    """The id of an inbox row in which a person may have asked to stop; its review waits for a decision."""
    with context.database.transaction() as session:
        contact = session.get_one(Contact, contact_id)
        event = InboxEvent(scheme="standard", dedupe_key=contact.e164, body_hash=b"1", status="handled")
        session.add(event)
        session.flush()
        at = clock.product_now(session)
        opt_outs.ask_for_review(session, contact, rule="bare_keyword", said_at=at, inbox_id=event.id)
        return event.id


def add_letter(context: Context, task: str = TaskName.DEBUG_TASK, **values: Any) -> int:
    """A dead letter of a task that failed three times."""
    said: dict[str, Any] = {
        "args": ["1"],
        "reason": "gave_up",
        "error": "Boom",
        "attempts": 3,
        "traceparent": None,
    } | values
    with context.database.transaction() as session:
        letter_id = work.add_dead_letter(session, name=task, **said)
    assert letter_id is not None
    return letter_id


def known(context: Context, e164: str) -> int:
    """The contact's id, made if there was none."""
    with context.database.transaction() as session:
        return contacts.lock_by_number(session, e164).id


def add_contact(context: Context, e164: str, **values: Any) -> int:
    """A contact that nobody knew; `values` are columns that differ."""
    with context.database.transaction() as session:
        contact = Contact(e164=e164, **values)
        session.add(contact)
        session.flush()
        return contact.id


def add_campaign(context: Context, *, started: bool, by: str = "a test", **values: Any) -> int:
    """A campaign to all contacts unless `values` say otherwise: a planned draft, or running."""
    new = NewCampaign.read(**{"template_a": "Hello. Reply STOP to opt out.", "audience": {"all": True}} | values)
    campaign_id = create_campaign(context, new, by=by).campaign_id
    plan = plan_campaign(context, campaign_id, by=by)
    if started:
        start_campaign(context, campaign_id, plan_hash=plan.plan_hash, by=by)
    return campaign_id
