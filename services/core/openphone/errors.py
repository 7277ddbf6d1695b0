"""What can go wrong with the provider, and the one table that says what each of its refusals means.

    ProviderError
    ├── ProviderUnreachable    retryable   no connection, a lost one, or no answer within the deadline
    ├── ProviderFailed         retryable   5xx, 408, a redirect, an answer that cannot be read
    ├── ProviderThrottled      retryable   429, with the wait it asks for
    ├── ListingUnreliable      retryable   a list that repeats its cursors or never ends
    ├── AccountRefused         final       401, 402, 403: nothing works until somebody repairs the account
    └── RequestRefused         final       400, 409, 422: this request will never work
        └── NotFound           final       404

These are for reads and for the webhook calls. A send has outcomes, not errors: see `outcomes`.
"""

from datetime import timedelta
from typing import ClassVar

from services.core.openphone.outcomes import RefusalReason, RefusalScope


class ProviderError(Exception):
    """The provider could not or would not do it; `trace` is its own name for the request."""

    retryable: ClassVar[bool] = False

    def __init__(self, reason: str, *, http_status: int | None = None, trace: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.http_status = http_status
        self.trace = trace


class ProviderUnreachable(ProviderError):
    retryable = True


class ProviderFailed(ProviderError):
    retryable = True


class ProviderThrottled(ProviderError):
    retryable = True

    def __init__(self, reason: str, *, retry_after: timedelta | None, trace: str | None = None) -> None:
        super().__init__(reason, http_status=429, trace=trace)
        self.retry_after = retry_after


class ListingUnreliable(ProviderError):
    retryable = True


class AccountRefused(ProviderError):
    pass


class RequestRefused(ProviderError):
    pass


class NotFound(RequestRefused):
    pass


class NotOneRecipient(ValueError):
    """A text to several people would be a group text; nothing has left us."""


Refusal = tuple[RefusalScope, RefusalReason]

REFUSALS: dict[tuple[int, str | None], Refusal] = {
    (400, "0201400"): (RefusalScope.RECIPIENT, RefusalReason.OPTED_OUT),
    (400, "0202400"): (RefusalScope.RECIPIENT, RefusalReason.INVALID_RECIPIENT),
    (400, "0203400"): (RefusalScope.RECIPIENT, RefusalReason.UNREACHABLE_RECIPIENT),
    (400, "0206400"): (RefusalScope.ACCOUNT, RefusalReason.REGISTRATION_MISSING),
    (400, None): (RefusalScope.MESSAGE, RefusalReason.INVALID_MESSAGE),
    (401, None): (RefusalScope.ACCOUNT, RefusalReason.UNAUTHORIZED),
    (402, "0201402"): (RefusalScope.ACCOUNT, RefusalReason.SUBSCRIPTION_EXPIRED),
    (402, None): (RefusalScope.ACCOUNT, RefusalReason.NO_CREDIT),
    (403, "0202403"): (RefusalScope.ACCOUNT, RefusalReason.SENDER_NOT_ALLOWED),
    (403, "0203403"): (RefusalScope.RECIPIENT, RefusalReason.INTERNATIONAL_NOT_ALLOWED),
    (403, "0204403"): (RefusalScope.ACCOUNT, RefusalReason.DAILY_CAP_REACHED),
    (403, None): (RefusalScope.ACCOUNT, RefusalReason.FORBIDDEN),
    (404, None): (RefusalScope.MESSAGE, RefusalReason.NOT_FOUND),
    (422, None): (RefusalScope.MESSAGE, RefusalReason.INVALID_MESSAGE),
    (429, None): (RefusalScope.THROTTLED, RefusalReason.RATE_LIMITED),
}
"""By status and code, `None` for any other code. What is not here is no proof that nothing was sent: 408, 409, 5xx."""

LIST_REFUSED = "list_refused"
SPOKEN_BY_THE_APPLICATION = frozenset({400, 404, 422})
"""Statuses that a proxy also answers with; without the provider's own error body they prove nothing."""


def refusal_of_send(status: int, code: str | None, *, has_error_body: bool) -> Refusal | None:
    """What a refusal of a send is about, or None where the text may have been sent all the same.

    A `404` page that is no error body means that the route itself is missing: our base address is wrong, and every
    message would be refused alike.
    """
    if status == 404 and not has_error_body:
        return RefusalScope.ACCOUNT, RefusalReason.ROUTE_MISSING
    if status in SPOKEN_BY_THE_APPLICATION and not has_error_body:
        return None
    return REFUSALS.get((status, code)) or REFUSALS.get((status, None))


def refusal_of_read(error: ProviderError) -> str:
    """Why the provider will go on refusing a read, in one word of the glossary; for an error that is not retryable."""
    status = error.http_status or 0
    scope, reason = REFUSALS.get((status, error.reason)) or REFUSALS.get((status, None)) or (None, "")
    return reason if scope is RefusalScope.ACCOUNT else LIST_REFUSED


def error_of(status: int, reason: str, *, retry_after: timedelta | None, trace: str | None) -> ProviderError:
    """The error for an answer to a read that is not 2xx."""
    match status:
        case 429:
            return ProviderThrottled(reason, retry_after=retry_after, trace=trace)
        case 401 | 402 | 403:
            return AccountRefused(reason, http_status=status, trace=trace)
        case 404:
            return NotFound(reason, http_status=status, trace=trace)
        case 400 | 409 | 422:
            return RequestRefused(reason, http_status=status, trace=trace)
        case _:
            return ProviderFailed(reason, http_status=status, trace=trace)
