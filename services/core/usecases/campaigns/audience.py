"""Whom a campaign may be for: all contacts, those of a confirmed import, or whom an ended campaign failed to reach."""

from collections.abc import Mapping
from typing import Any, TypeVar

from services.core.domain.failures import RefusedInput
from services.core.domain.imports import ImportStatus
from services.core.storage.database import Session
from services.core.storage.models import Campaign, Import

Row = TypeVar("Row", Campaign, Import)


def check_audience(session: Session, audience: Mapping[str, Any]) -> None:
    """Raises `RefusedInput` for an import or a campaign that there is not, or an import that isn't taken over."""
    if "import" in audience:
        _check_import(session, audience["import"])
    if "failed_of" in audience and _get(session, Campaign, audience["failed_of"]) is None:
        detail = f"there is no campaign {audience['failed_of']}: name one that has ended"
        raise RefusedInput("audience_unknown", detail, pointer="/audience/failed_of")


def _check_import(session: Session, import_id: Any) -> None:
    found = _get(session, Import, import_id)
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


def _get(session: Session, model: type[Row], row_id: Any) -> Row | None:
    is_id = isinstance(row_id, int) and not isinstance(row_id, bool) and 0 < row_id < 2**63
    return session.get(model, row_id) if is_id else None
