"""The send gate: one place that says whether a text may leave now, and fails closed.

The facts are read under the contact's row lock by the transaction that is about to commit the submission, so a `Pass`
is still true when it commits. Blocked is never dropped: it moves to the next allowed instant or is skipped for good.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.messages import MessageKind
from services.core.domain.sending_window import SendingWindow, decide_hours
from services.core.domain.zones import Location


@dataclass(frozen=True, slots=True)
class GateFacts:
    """What the gate looks at; `None` for a campaign's facts means a message without a campaign.

    `marketing_last_at` is the contact's last marketing text that left or may have left; caps come with what is used
    in the sender's day, and `cap_resets_at` is when that day ends. `database` is the life and the run that they were
    read from, "" of one that forgot something: only one that was vouched for may send.
    """

    kind: MessageKind
    database: str
    database_rewound: bool
    sending_stopped: bool
    breaker_open_until: datetime | None
    campaign_status: CampaignStatus | None
    campaign_ends_at: datetime | None
    opted_out: bool
    suppressed: str | None
    paused: bool
    location: Location
    window: SendingWindow | None
    marketing_last_at: datetime | None
    contact_frequency: timedelta
    number_used: int
    number_cap: int
    account_used: int
    account_cap: int
    cap_resets_at: datetime
    in_flight_to_number: bool


@dataclass(frozen=True, slots=True)
class Pass:
    gate: str = "open"
    reason: str = "allowed"


@dataclass(frozen=True, slots=True)
class Defer:
    """Not now: look again at `until`; `None` means when a person or another message changes the fact."""

    gate: str
    reason: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Skip:
    """Never: the message ends as skipped with this reason."""

    gate: str
    reason: str


GateDecision = Pass | Defer | Skip

LOOK_AGAIN = timedelta(seconds=30)
CONTACT_FREQUENCY = "contact_frequency"
DATABASE_UNCHECKED = Defer("G1", "database_unchecked", None)
"""For texts at hand when the database turns out to be another, or to have been started anew: it is compared first."""


def decide(facts: GateFacts, at: datetime) -> GateDecision:
    """Go through G1-G5 in order and answer with the first that closes, at product time `at`.

    G6, the provider's throughput, is the limiter's and was passed before. Transactional messages skip the business
    window, the frequency cap and the number's marketing cap, never an opt-out, the legal hours or the installation's
    stop.
    """
    return may_go(facts, at) or hours_and_caps(facts, at) or Pass()


def may_go(facts: GateFacts, at: datetime) -> Defer | Skip | None:
    """What closes G1 and G2, the switches, the campaign and the person, or None."""
    return _may_send(facts, at) or _person(facts)


def hours_and_caps(facts: GateFacts, at: datetime) -> Defer | Skip | None:
    """What closes G3 to G5, or None."""
    return _hours(facts, at) or _caps(facts, at)


def frequency_ends_at(marketing_last_at: datetime | None, frequency: timedelta, at: datetime) -> datetime | None:
    """When a contact may be sent a marketing text again; None when it may at `at`."""
    if marketing_last_at is None or at >= marketing_last_at + frequency:
        return None
    return marketing_last_at + frequency


def _may_send(facts: GateFacts, at: datetime) -> Defer | Skip | None:
    if facts.campaign_status is CampaignStatus.CANCELLED:
        return Skip("G1", "campaign_cancelled")
    if facts.campaign_ends_at is not None and at >= facts.campaign_ends_at:
        return Skip("G1", "campaign_ended")
    if facts.database_rewound:
        return Defer("G1", "database_rewound", None)
    if facts.sending_stopped:
        return Defer("G1", "sending_stopped", None)
    if facts.campaign_status is not None and facts.campaign_status is not CampaignStatus.RUNNING:
        return Defer("G1", f"campaign_{facts.campaign_status}", None)
    if facts.breaker_open_until is not None and at < facts.breaker_open_until:
        return Defer("G1", "provider_refuses_account", facts.breaker_open_until)
    return None


def _person(facts: GateFacts) -> Defer | Skip | None:
    if facts.opted_out:
        return Skip("G2", "opted_out")
    if facts.suppressed is not None:
        return Skip("G2", facts.suppressed)
    if facts.paused:
        return Defer("G2", "contact_paused_for_review", None)
    return None


def _hours(facts: GateFacts, at: datetime) -> Defer | Skip | None:
    window = facts.window if facts.kind is MessageKind.MARKETING else None
    hours = decide_hours(facts.location, window, at)
    if hours.allowed:
        return None
    if hours.next_allowed_at is None:
        return Skip("G3", "no_common_hours")
    return Defer("G3", hours.reason, hours.next_allowed_at)


def _caps(facts: GateFacts, at: datetime) -> Defer | Skip | None:
    if facts.in_flight_to_number:
        return Defer("G4", "another_text_in_flight", at + LOOK_AGAIN)
    if facts.kind is MessageKind.MARKETING:
        free_at = frequency_ends_at(facts.marketing_last_at, facts.contact_frequency, at)
        if free_at is not None:
            return Defer("G4", CONTACT_FREQUENCY, free_at)
        if facts.number_used >= facts.number_cap:
            return Defer("G5", "number_daily_cap", facts.cap_resets_at)
    if facts.account_used >= facts.account_cap:
        return Defer("G5", "account_daily_cap", facts.cap_resets_at)
    return None
