"""How a send can end: four outcomes, of which exactly one, `Unknown`, may never be followed by another attempt."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class RefusalScope(StrEnum):
    """What a refusal is about, and so who has to change before another attempt makes sense."""

    MESSAGE = "message"
    RECIPIENT = "recipient"
    ACCOUNT = "account"
    THROTTLED = "throttled"


class RefusalReason(StrEnum):
    INVALID_MESSAGE = "invalid_message"
    NOT_FOUND = "not_found"
    OPTED_OUT = "opted_out"
    INVALID_RECIPIENT = "invalid_recipient"
    UNREACHABLE_RECIPIENT = "unreachable_recipient"
    INTERNATIONAL_NOT_ALLOWED = "international_not_allowed"
    REGISTRATION_MISSING = "registration_missing"
    UNAUTHORIZED = "unauthorized"
    NO_CREDIT = "no_credit"
    SUBSCRIPTION_EXPIRED = "subscription_expired"
    SENDER_NOT_ALLOWED = "sender_not_allowed"
    DAILY_CAP_REACHED = "daily_cap_reached"
    FORBIDDEN = "forbidden"
    ROUTE_MISSING = "route_missing"
    RATE_LIMITED = "rate_limited"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the text under this id; that is not yet a delivery."""

    provider_message_id: str
    status: str
    conversation_id: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider said no, so nothing was sent. `code` and `trace` are its own, for a person to quote."""

    scope: RefusalScope
    reason: RefusalReason
    http_status: int
    code: str | None = None
    retry_after: timedelta | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class NotStarted:
    """No byte of the request left us: `guard`, `not_connected`, `connect_timeout` or `pool_timeout`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The text may have been sent, and only the provider's list or a receipt can tell."""

    reason: str


SendOutcome = Accepted | Refused | NotStarted | Unknown
