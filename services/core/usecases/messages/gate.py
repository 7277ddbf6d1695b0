"""Gather the facts that the send gate decides on, in the transaction that will act on its answer."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.lineage import run_key
from services.core.domain.messages import MessageKind
from services.core.domain.send_gate import DecisionFacts, Defer, GateDecision, GateFacts, Pass, Skip
from services.core.domain.zones import locate
from services.core.runtime import metering
from services.core.storage import attempts, caps, installation, outbox
from services.core.storage.database import Session
from services.core.storage.models import Campaign, Contact, Message
from services.core.usecases.campaigns.windows import window_of
from services.core.usecases.context import Context
from services.core.usecases.instruments import GATE

ACCOUNT = "account"


def gather(context: Context, session: Session, message: Message, contact: Contact, at: datetime) -> GateFacts:
    """The facts about one message at product time `at`; true for as long as the contact's row stays locked."""
    settings = context.settings
    switches = installation.read(session)
    campaign = session.get(Campaign, message.campaign_id, populate_existing=True) if message.campaign_id else None
    day = cap_day(context, at)
    return GateFacts(
        kind=MessageKind(message.kind),
        database="" if switches.is_rewound else run_key(switches.incarnations, switches.run),
        database_rewound=switches.is_rewound,
        sending_stopped=switches.sending_stopped_at is not None,
        breaker_open_until=switches.breaker_open_until,
        campaign_status=CampaignStatus(campaign.status) if campaign else None,
        campaign_ends_at=campaign.ends_at if campaign else None,
        opted_out=contact.opted_out_at is not None,
        suppressed=contact.suppressed_reason,
        paused=contact.paused_at is not None,
        location=locate(e164=contact.e164, state=contact.state, timezone=contact.timezone),
        window=window_of(campaign.window if campaign else None, context.window),
        marketing_last_at=outbox.last_marketing_at(session, contact_id=contact.id, apart_from=message.id),
        contact_frequency=settings.contact_frequency,
        number_used=caps.used(session, number_scope(message), day),
        number_cap=settings.number_daily_cap,
        account_used=caps.used(session, ACCOUNT, day),
        account_cap=settings.account_daily_cap,
        cap_resets_at=cap_resets_at(context, at),
        in_flight_to_number=outbox.in_flight_to(
            session, sender=message.sender, e164=message.e164, apart_from=message.id
        ),
    )


def record(session: Session, message_id: int, decision: GateDecision, facts: GateFacts) -> None:
    """Keep a decision with the facts a person needs to understand it."""
    until = decision.until if isinstance(decision, Defer) else None
    outcome = {Pass: "passed", Defer: "deferred", Skip: "skipped"}[type(decision)]
    metering.count(GATE, decision.gate, outcome)
    attempts.record_decision(
        session,
        message_id,
        outcome=outcome,
        gate=decision.gate,
        reason=decision.reason,
        until=until,
        detail=DecisionFacts.of(facts),
    )


def number_scope(message: Message) -> str:
    """The counter of the cold texts of a message's sender number."""
    return number_scope_of(str(message.sender_phone_number_id))


def number_scope_of(phone_number_id: str) -> str:
    return f"number:{phone_number_id}"


def cap_day(context: Context, at: datetime) -> date:
    """The day in the business's zone that a text at `at` counts for."""
    return at.astimezone(ZoneInfo(context.settings.business_zone)).date()


def cap_resets_at(context: Context, at: datetime) -> datetime:
    """When the caps of the day of `at` start anew."""
    zone = ZoneInfo(context.settings.business_zone)
    return datetime.combine(cap_day(context, at) + timedelta(days=1), time(), zone)
