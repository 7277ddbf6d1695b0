"""The words of an import: a file's life and a row's outcome."""

from enum import StrEnum


class ImportStatus(StrEnum):
    DRY_RUN = "dry_run"
    CONFIRMING = "confirming"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


class RowOutcome(StrEnum):
    ACCEPTED = "accepted"
    MERGED = "merged"
    REJECTED = "rejected"
    SUPPRESSED = "suppressed"
