"""What the provider's adapter counts, beside the outcomes that its labels are made of."""

from services.core.openphone.outcomes import Accepted, NotStarted, RefusalReason, Refused, Unknown
from services.core.runtime.telemetry import HTTP_METHODS, HTTP_STATUSES, SLOW, Instrument, Kind

HTTP_CLIENT = Instrument(
    "http.client.request.duration",
    Kind.HISTOGRAM,
    "Calls of the provider, by its answer; none when there was no answer.",
    "s",
    {"http.request.method": HTTP_METHODS, "http.response.status_code": HTTP_STATUSES},
    SLOW,
)
SUBMISSIONS = Instrument(
    "attackacrack.messages.submissions",
    Kind.COUNTER,
    "Texts submitted to the provider, by what came of it.",
    labels={"outcome": tuple(each.__name__.lower() for each in (Accepted, Refused, NotStarted, Unknown))},
)
REFUSALS = Instrument(
    "attackacrack.provider.refusals",
    Kind.COUNTER,
    "Texts that the provider refused, by its reason.",
    labels={"reason": tuple(RefusalReason)},
)
