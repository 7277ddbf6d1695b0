"""Rows a page at a time, by id."""

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.core.storage.models import Campaign, Import

Row = TypeVar("Row", Campaign, Import)


def page_by_id(session: Session, of: type[Row], *, after: int, limit: int, newest_first: bool) -> Sequence[Row]:
    """`limit` rows behind the id `after`, which is 0 at the first: upwards, or with `newest_first` downwards."""
    query = select(of).limit(limit)
    if not newest_first:
        query = query.where(of.id > after).order_by(of.id)
    else:
        query = query.where(of.id < after if after else of.id > 0).order_by(of.id.desc())
    return session.scalars(query).all()
