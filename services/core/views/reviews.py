"""Doubtful texts, and what a person decides about one."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from services.core.views.values import Input, OfPerson, Phone, Reason, RowId, example


class ReviewDecision(StrEnum):
    """`opt_out` is about whoever wrote, `opt_out_other` about another number, whose person the text is about."""

    OPT_OUT = "opt_out"
    OPT_OUT_OTHER = "opt_out_other"
    KEEP = "keep"


class Review(OfPerson):
    """A doubtful text; its contact is paused until it is decided. `text` is null once it was erased."""

    model_config = example(
        {
            "review_id": 7,
            "contact_id": 17,
            "phone": "+12025550143",
            "e164": "+12025550143",
            "rule": "names_another_number",
            "text": "please stop texting my dad at 617-555-0162",
            "named": ["+16175550162"],
            "said_at": "2026-03-02T19:00:00Z",
            "decided_at": None,
            "decided_by": None,
            "decision": None,
            "note": None,
        }
    )

    review_id: RowId
    contact_id: int
    rule: str
    text: str | None
    named: list[str] = Field(description="Numbers in the text other than the sender's.")
    said_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    decision: ReviewDecision | None
    note: str | None


class Decide(Input):
    model_config = example({"decision": "opt_out_other", "phone": "+16175550162", "note": "her father's number"})

    decision: Annotated[ReviewDecision, Field(strict=False)]
    phone: Phone | None = Field(
        default=None,
        description="With opt_out_other: whose texts are to end; null where the text names one number only.",
    )
    note: Reason | None = None
