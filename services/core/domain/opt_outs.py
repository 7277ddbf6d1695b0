"""How an opt-out came to us, and how STOP and START are put in order."""

from datetime import datetime
from enum import StrEnum


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
