"""How an opt-out came to us, and how STOP and START are put in order."""

from datetime import datetime, timedelta
from enum import StrEnum

LATE = timedelta(days=1)
NEVER_THAT_LATE = timedelta(days=30)
"""No delivery is repeated for so long: a text that claims to be older says nothing true about its time."""


class InboundMeaning(StrEnum):
    OPT_OUT = "opt_out"
    DOUBTFUL = "doubtful"
    OPT_IN = "opt_in"
    HELP = "help"
    NONE = "none"


class OptOutSource(StrEnum):
    WEBHOOK = "webhook"
    REVIEW = "review"
    IMPORT = "import"
    OPERATOR = "operator"
    PROVIDER = "provider"


def stop_is_in_force(*, said_at: datetime, opted_in_at: datetime | None) -> bool:
    """Whether a STOP said at `said_at` holds against the latest START; at the same time STOP wins."""
    return opted_in_at is None or said_at >= opted_in_at


def start_lifts(*, said_at: datetime, opted_out_at: datetime) -> bool:
    """Whether a START said at `said_at` lifts an opt-out: only one said later does, however it arrived."""
    return said_at > opted_out_at


def time_said(
    sent_at: datetime, *, meaning: InboundMeaning, signed_at: datetime | None, received_at: datetime
) -> datetime:
    """When a text counts as said, for the order of STOP and START: its own time, but never after it was received.

    Where that is more than a day before the provider signed it, the signature's time counts. A START that may only have
    been delivered late keeps its own: it must not lift a STOP that was said after it.
    """
    said_at = min(sent_at, received_at)
    if signed_at is None or signed_at - said_at <= LATE:
        return said_at
    if meaning is InboundMeaning.OPT_IN and signed_at - said_at <= NEVER_THAT_LATE:
        return said_at
    return min(signed_at, received_at)
