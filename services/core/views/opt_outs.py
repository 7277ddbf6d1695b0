"""Opt-outs and their proof."""

from datetime import datetime

from pydantic import Field

from services.core.domain.opt_outs import OptOutSource
from services.core.views.values import PHONE_NAMES, Input, OfPerson, Phone, Reason, RowId, example


class NewOptOut(Input):
    model_config = example({"phone": "+12025550143", "evidence": "asked on the phone, 2 March, Ada"})

    phone: Phone = Field(validation_alias=PHONE_NAMES, description="A number in any form.")
    evidence: Reason = Field(description="How the person asked; kept as proof.")


class LiftOptOut(Input):
    model_config = example({"phone": "+12025550143", "evidence": "signed up again at the fair, form 17"})

    phone: Phone = Field(validation_alias=PHONE_NAMES, description="A number in any form.")
    evidence: Reason = Field(description="How the person asked to be texted again; kept as proof.")


class OptOut(OfPerson):
    model_config = example(
        {
            "opt_out_id": 3,
            "contact_id": 17,
            "phone": "+12025550143",
            "e164": "+12025550143",
            "source": "operator",
            "rule": "by_hand",
            "said_at": "2026-03-02T18:00:00Z",
            "recorded_at": "2026-03-02T18:00:01Z",
            "evidence": "asked on the phone, 2 March, Ada",
            "lifted_at": None,
            "lifted_by": None,
            "lift_evidence": None,
        }
    )

    opt_out_id: RowId
    contact_id: int
    source: OptOutSource
    rule: str
    said_at: datetime
    recorded_at: datetime
    evidence: str | None
    lifted_at: datetime | None
    lifted_by: str | None
    lift_evidence: str | None
