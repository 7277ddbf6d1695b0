"""Contacts and their imports."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from services.core.domain.imports import ImportStatus, RowOutcome
from services.core.views.values import (
    PHONE_NAMES,
    Input,
    OfPerson,
    Phone,
    Reason,
    RowId,
    Short,
    View,
    example,
)


class Column(View):
    """A column by its name in the file, and what it was read as: a known name, `field NAME`, or `nothing`."""

    name: str
    read_as: str


class ImportReport(View):
    """`accepted`, `merged`, `rejected` and `suppressed` add up to `rows`; `rejections` are counted by reason.

    Of a confirmed import they say what it did, and `foreseen` what the dry run had said. `unread_phones` are columns
    that hold phone numbers and were not read as such; `warnings` count the rows that have each.
    """

    model_config = example(
        {
            "import_id": 1,
            "status": "dry_run",
            "rows": 304,
            "accepted": 280,
            "merged": 10,
            "rejected": 9,
            "suppressed": 5,
            "rejections": {"too_short": 7, "not_textable": 2},
            "warnings": {"extension_dropped": 3},
            "foreseen": None,
            "columns": [{"name": "Phone", "read_as": "phone"}, {"name": "Roof", "read_as": "field roof"}],
            "unread_phones": ["Other phone"],
            "file_name": "list.csv",
            "created_by": "maria",
            "created_at": "2026-03-02T18:00:00Z",
            "confirmed_at": None,
        }
    )

    import_id: RowId
    status: ImportStatus
    rows: int
    accepted: int
    merged: int
    rejected: int
    suppressed: int
    rejections: dict[str, int]
    warnings: dict[str, int]
    foreseen: dict[str, int] | None
    columns: list[Column]
    unread_phones: list[str]
    file_name: str
    created_by: str
    created_at: datetime | None
    confirmed_at: datetime | None


class ImportRow(View):
    """A row with its outcome; of a refused one `column` and `value` say where and what, a number's digits hidden."""

    model_config = example(
        {
            "line": 7,
            "outcome": "rejected",
            "reason": "too_short",
            "phone": None,
            "column": "Phone",
            "value": "•••-••43",
            "warnings": [],
            "mark_line": None,
        }
    )

    line: int
    outcome: RowOutcome
    reason: str | None
    phone: str | None = Field(validation_alias="e164")
    column: str | None
    value: str | None
    warnings: list[str]
    mark_line: int | None = Field(
        description="The line of an opt-out mark about the same number that refuses this row."
    )


class NewContact(Input):
    model_config = example({"phone": "(202) 555-0143", "first_name": "Ada", "state": "NY"})

    phone: Phone = Field(validation_alias=PHONE_NAMES, description="A number in any form.")
    first_name: Short | None = None
    last_name: Short | None = None
    city: Short | None = None
    state: Short | None = None
    zip: Short | None = None
    timezone: Short | None = None
    external_id: Short | None = None
    fields: dict[Annotated[str, Field(min_length=1, max_length=64)], Reason] = Field(
        default_factory=dict, max_length=50
    )


class Contact(OfPerson):
    model_config = example(
        {
            "contact_id": 17,
            "phone": "+12025550143",
            "e164": "+12025550143",
            "first_name": "Ada",
            "last_name": None,
            "city": "Troy",
            "state": "NY",
            "zip": "12180",
            "timezone": None,
            "external_id": "C-17",
            "fields": {"roof": "slate"},
            "opted_out_at": None,
            "opted_in_at": None,
            "suppressed_reason": None,
            "paused_at": None,
            "created_at": "2026-03-02T18:00:00Z",
            "erased_at": None,
        }
    )

    contact_id: RowId
    first_name: str | None
    last_name: str | None
    city: str | None
    state: str | None
    zip: str | None
    timezone: str | None
    external_id: str | None
    fields: dict[str, Any]
    opted_out_at: datetime | None
    opted_in_at: datetime | None
    suppressed_reason: str | None
    paused_at: datetime | None
    created_at: datetime
    erased_at: datetime | None


class Erase(Input):
    model_config = example({"reason": "her letter of 2 March"})

    reason: Reason = Field(description="Who asked for it, and when; kept as proof.")


class Erasure(View):
    """How many rows were blanked; `skipped` texts were still waiting. An opt-out stays in force for the number."""

    model_config = example(
        {
            "contact_id": 17,
            "opted_out": True,
            "skipped": 0,
            "messages": 4,
            "recipients": 2,
            "webhooks": 1,
            "import_rows": 1,
        }
    )

    contact_id: int
    opted_out: bool
    skipped: int
    messages: int
    recipients: int
    webhooks: int
    import_rows: int
