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


class Verdict(StrEnum):
    """What is said of a delivery once its signature was looked at."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    UNSIGNED = "unsigned"


class Unstored(StrEnum):
    """Why a delivery is not known to be stored."""

    DATABASE = "database_unavailable"
    LOCKED = "contact_locked"
    CLOCK = "clock_slow"
    STORE = "store_slow"
    BACKLOG = "backlog_full"
    INTERNAL = "internal_error"


class EventReason(StrEnum):
    """Why an event is where it is, beside what its reading found."""

    HAD_BEFORE = "effect_had_before"
    NOT_BOUND_YET = "message_not_bound_yet"
    NO_SUCH_MESSAGE = "no_such_message"
    CONTACT_ERASED = "contact_erased"


MAX_ERRORS = 8
MAX_DEATHS = 3
RETRY_BASE = timedelta(seconds=2)
PARKED_FOR = timedelta(hours=72)
