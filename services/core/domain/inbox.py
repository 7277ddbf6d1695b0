"""The life of a received webhook."""

from datetime import timedelta
from enum import StrEnum


class InboxStatus(StrEnum):
    """`parked` waits for the message it is about; `quarantined` is signed but stale or unreadable."""

    NEW = "new"
    HANDLED = "handled"
    IGNORED = "ignored"
    PARKED = "parked"
    QUARANTINED = "quarantined"
    DEAD = "dead"


MAX_ERRORS = 8
MAX_DEATHS = 3
RETRY_BASE = timedelta(seconds=2)
PARKED_FOR = timedelta(hours=72)
