"""A row whose id is handed to the queue, and the condition that it isn't there yet."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, exists, func, literal


@dataclass(frozen=True, slots=True, order=True)
class Published:
    """Its id, and the traceparent under which its work goes on."""

    id: int
    traceparent: str | None


def is_not_among(column: Any, ids: Collection[int]) -> ColumnElement[bool]:
    """Whether the column's id is none of these: one parameter and one hashed comparison for any number of them."""
    given = func.unnest(literal(list(ids), ARRAY(BigInteger))).column_valued("given")
    return ~exists().where(given == column)
