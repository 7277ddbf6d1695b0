"""What the provider refuses, and the three shapes its error bodies come in."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

DOCS = "https://quo.com/docs"


class Surface(StrEnum):
    V1 = "v1"
    DATED = "dated"


@dataclass(slots=True)
class ProviderError(Exception):
    """`code` and `errors` are left out of the body when empty."""

    status: int
    title: str
    message: str
    code: str | None = None
    errors: Sequence[dict[str, object]] = field(default_factory=tuple)
    headers: dict[str, str] = field(default_factory=dict)


# Codes and titles of sends, by the name used in the control API and by magic numbers.
REFUSALS: dict[str, tuple[int, str, str, str]] = {
    "invalid_number": (400, "0202400", "Bad Request", "At least one of the phone numbers in the `to` array is invalid"),
    "opted_out": (400, "0201400", "Recipient Opted Out", "The recipient has opted out of messages"),
    "unreachable": (400, "0203400", "Bad Request", "The phone number in the `to` array cannot be reached"),
    "a2p_not_approved": (400, "0206400", "A2P Registration Not Approved", "A2P registration is not approved"),
    "unauthorized": (401, "0200401", "Unauthorized", "Unauthorized"),
    "not_enough_credits": (
        402,
        "0200402",
        "Not Enough Credits",
        "The organization does not have enough prepaid credits to send the message",
    ),
    "subscription_expired": (402, "0201402", "Subscription Expired", "Your subscription has expired"),
    "not_phone_number_user": (403, "0202403", "Not Phone Number User", "The user is not a member of the phone number"),
    "international_not_allowed": (
        403,
        "0203403",
        "International Messaging Not Allowed",
        "International messaging is not allowed",
    ),
    "daily_cap": (403, "0204403", "A2P 10DLC Daily Message Cap Reached", "The daily message cap is reached"),
    "not_found": (404, "0200404", "Not Found", "Not Found"),
    "unknown": (500, "0201500", "Unknown", "Unknown error"),
}


def refused(name: str) -> ProviderError:
    status, code, title, message = REFUSALS[name]
    return ProviderError(status, title, message, code)


def too_many_requests(retry_after: str | None) -> ProviderError:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return ProviderError(429, "Too Many Requests", "Rate limit exceeded", headers=headers)


def body(error: ProviderError, surface: Surface) -> dict[str, object]:
    """Shape A for v1's gateway (401), B for v1, C for the dated surface and every 429."""
    trace = str(uuid.uuid4().int)[:19]
    if error.status == 401 and surface is Surface.V1:
        return {"error": {"message": error.message, "key": error.title, "trace": trace}}
    shape: dict[str, object] = {"title": error.title, "message": error.message, "docs": DOCS, "trace": trace}
    if surface is Surface.V1 and error.status != 429:
        shape |= {"code": error.code or f"0200{error.status}", "status": error.status}
    elif error.code:
        shape |= {"code": error.code, "status": error.status}
    if error.errors:
        shape["errors"] = list(error.errors)
    return shape
