"""One reading of what a person said: whose number it came from, what it means, and when it counts as said."""

from dataclasses import dataclass
from datetime import datetime

from services.core.domain.opt_out import OptOutDecision, decide_opt_out
from services.core.domain.opt_outs import time_said
from services.core.domain.phone_numbers import PhoneNumber, is_e164
from services.core.domain.provider_events import MessageReceived
from services.core.domain.third_party import about_whom
from services.core.usecases.contacts.person_key import parse_phone
from services.core.usecases.context import Context


@dataclass(frozen=True, slots=True)
class InboundText:
    """What a person said, as STOP, START, HELP and the conversation need it."""

    e164: str
    decision: OptOutDecision
    said_at: datetime


def read_inbound(
    context: Context, received: MessageReceived, *, signed_at: datetime | None, received_at: datetime
) -> InboundText | None:
    """What the event says; `None` where its sender has no number that could be texted."""
    return read_said(
        context, received.sender, received.text or "", received.sent_at, signed_at=signed_at, received_at=received_at
    )


def read_said(
    context: Context,
    sender: str,
    text: str,
    sent_at: datetime,
    *,
    signed_at: datetime | None,
    received_at: datetime,
) -> InboundText | None:
    """As `read_inbound`, of a sender and a text however they were found; our own number says nothing to us."""
    e164 = _number(context, sender)
    if e164 is None or e164 == context.settings.provider_phone_number:
        return None
    countries = frozenset(context.settings.allowed_countries)
    decision = about_whom(decide_opt_out(text), text, sender=e164, allowed_countries=countries)
    said_at = time_said(sent_at, meaning=decision.meaning, signed_at=signed_at, received_at=received_at)
    return InboundText(e164, decision, said_at)


def _number(context: Context, sender: str) -> str | None:
    if is_e164(sender):
        return sender
    parsed = parse_phone(context, sender)
    return parsed.e164 if isinstance(parsed, PhoneNumber) else None
