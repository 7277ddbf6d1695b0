"""Whom a campaign may be for: all contacts, those of a confirmed import, or whom an ended campaign failed to reach."""

from services.core.domain.audiences import Audience
from services.core.domain.failures import RefusedInput
from services.core.domain.imports import ImportStatus
from services.core.storage.database import Session
from services.core.storage.models import Campaign, Import


def check_audience(session: Session, audience: Audience) -> None:
    """Raises `RefusedInput` for an import or a campaign that there is not, or an import that isn't taken over."""
    if audience.import_id is not None:
        _check_import(session, audience.import_id)
    if audience.failed_of is not None and session.get(Campaign, audience.failed_of) is None:
        detail = f"there is no campaign {audience.failed_of}: name one that has ended"
        raise RefusedInput("audience_unknown", detail, pointer="/audience/failed_of")


def _check_import(session: Session, import_id: int) -> None:
    found = session.get(Import, import_id)
    match found.status if found is not None else None:
        case ImportStatus.CONFIRMED:
            return
        case None:
            remedy = "there is no import {0}: attackacrack contacts imports lists them"
        case ImportStatus.DRY_RUN:
            remedy = "import {0} is a dry run: take it over with attackacrack contacts confirm {0}"
        case ImportStatus.CONFIRMING:
            remedy = "import {0} is being taken over: wait until attackacrack contacts show-import {0} says confirmed"
        case _:
            remedy = "import {0} was discarded: import the file again"
    raise RefusedInput("audience_not_imported", remedy.format(import_id), pointer="/audience/import")
