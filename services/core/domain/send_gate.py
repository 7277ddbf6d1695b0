"""The send gate: one place that says whether a text may leave now, and fails closed.

The facts are read under the contact's row lock by the transaction that is about to commit the submission, so a `Pass`
is still true when it commits. Blocked is never dropped: it moves to the next allowed instant or is skipped for good.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.messages import MessageKind
from services.core.domain.sending_window import SendingWindow, decide_hours
from services.core.domain.zones import Location


class Gate(StrEnum):
    """The gates in the order they are asked, as metrics, rows and answers name them."""

    OPEN = "open"
    SWITCHES = "G1"
    PERSON = "G2"
    HOURS = "G3"
    FREQUENCY = "G4"
    CAPS = "G5"
    RATE = "G6"


class Reason(StrEnum):
    """Why a gate closes; plan, gate, answers and metrics use the same codes, which the glossary puts into words.

    The reason of a contact that is suppressed is the contact's own, as `provider_refused_number`.
    """

    ALLOWED = "allowed"
    CAMPAIGN_CANCELLED = "campaign_cancelled"
    CAMPAIGN_ENDED = "campaign_ended"
    CAMPAIGN_DRAFT = "campaign_draft"
    CAMPAIGN_SCHEDULED = "campaign_scheduled"
    CAMPAIGN_PAUSED = "campaign_paused"
    CAMPAIGN_FINISHED = "campaign_finished"
    DATABASE_REWOUND = "database_rewound"
    DATABASE_UNCHECKED = "database_unchecked"
    SENDING_STOPPED = "sending_stopped"
    PROVIDER_REFUSES_ACCOUNT = "provider_refuses_account"
    OPTED_OUT = "opted_out"
    PAUSED_FOR_REVIEW = "contact_paused_for_review"
    NO_COMMON_HOURS = "no_common_hours"
    ANOTHER_TEXT_IN_FLIGHT = "another_text_in_flight"
    CONTACT_FREQUENCY = "contact_frequency"
    NUMBER_DAILY_CAP = "number_daily_cap"
    ACCOUNT_DAILY_CAP = "account_daily_cap"


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
class DecisionFacts:
    """What a decision is kept with, for whoever asks why: where the person may be, and the day's texts so far."""

    zones: tuple[str, ...]
    states: tuple[str, ...]
    facts_disagree: bool
    number_used: int
    number_cap: int
    account_used: int

    @classmethod
    def of(cls, facts: GateFacts) -> Self:
        return cls(
            zones=tuple(sorted(facts.location.zones)[:PLACES_KEPT]),
            states=tuple(sorted(facts.location.states)[:PLACES_KEPT]),
            facts_disagree=facts.location.facts_disagree,
            number_used=facts.number_used,
            number_cap=facts.number_cap,
            account_used=facts.account_used,
        )


@dataclass(frozen=True, slots=True)
class Pass:
    gate: Gate = Gate.OPEN
    reason: str = Reason.ALLOWED


@dataclass(frozen=True, slots=True)
class Defer:
    """Not now: look again at `until`; `None` means when a person or another message changes the fact."""

    gate: Gate
    reason: str
    until: datetime | None

    @property
    def keeps_due(self) -> bool:
        """Whether the text stays as due as it was: a switch opens again at any moment."""
        return self.gate is Gate.SWITCHES


@dataclass(frozen=True, slots=True)
class Skip:
    """Never: the message ends as skipped with this reason."""

    gate: Gate
    reason: str


GateDecision = Pass | Defer | Skip

LOOK_AGAIN = timedelta(seconds=30)
PLACES_KEPT = 8
DATABASE_UNCHECKED = Defer(Gate.SWITCHES, Reason.DATABASE_UNCHECKED, None)
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
        return Skip(Gate.SWITCHES, Reason.CAMPAIGN_CANCELLED)
    if facts.campaign_ends_at is not None and at >= facts.campaign_ends_at:
        return Skip(Gate.SWITCHES, Reason.CAMPAIGN_ENDED)
    if facts.database_rewound:
        return Defer(Gate.SWITCHES, Reason.DATABASE_REWOUND, None)
    if facts.sending_stopped:
        return Defer(Gate.SWITCHES, Reason.SENDING_STOPPED, None)
    if facts.campaign_status is not None and facts.campaign_status is not CampaignStatus.RUNNING:
        return Defer(Gate.SWITCHES, Reason(f"campaign_{facts.campaign_status}"), None)
    if facts.breaker_open_until is not None and at < facts.breaker_open_until:
        return Defer(Gate.SWITCHES, Reason.PROVIDER_REFUSES_ACCOUNT, facts.breaker_open_until)
    return None


def _person(facts: GateFacts) -> Defer | Skip | None:
    if facts.opted_out:
        return Skip(Gate.PERSON, Reason.OPTED_OUT)
    if facts.suppressed is not None:
        return Skip(Gate.PERSON, facts.suppressed)
    if facts.paused:
        return Defer(Gate.PERSON, Reason.PAUSED_FOR_REVIEW, None)
    return None


def _hours(facts: GateFacts, at: datetime) -> Defer | Skip | None:
    window = facts.window if facts.kind is MessageKind.MARKETING else None
    hours = decide_hours(facts.location, window, at)
    if hours.allowed:
        return None
    if hours.next_allowed_at is None:
        return Skip(Gate.HOURS, Reason.NO_COMMON_HOURS)
    return Defer(Gate.HOURS, hours.reason, hours.next_allowed_at)


def _caps(facts: GateFacts, at: datetime) -> Defer | Skip | None:
    if facts.in_flight_to_number:
        return Defer(Gate.FREQUENCY, Reason.ANOTHER_TEXT_IN_FLIGHT, at + LOOK_AGAIN)
    if facts.kind is MessageKind.MARKETING:
        free_at = frequency_ends_at(facts.marketing_last_at, facts.contact_frequency, at)
        if free_at is not None:
            return Defer(Gate.FREQUENCY, Reason.CONTACT_FREQUENCY, free_at)
        if facts.number_used >= facts.number_cap:
            return Defer(Gate.CAPS, Reason.NUMBER_DAILY_CAP, facts.cap_resets_at)
    if facts.account_used >= facts.account_cap:
        return Defer(Gate.CAPS, Reason.ACCOUNT_DAILY_CAP, facts.cap_resets_at)
    return None
