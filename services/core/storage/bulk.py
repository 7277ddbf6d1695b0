"""Many rows at once, inside the session's own transaction: PostgreSQL's COPY, and writes that say how many they met."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import CursorResult, Delete, TextClause, Update
from sqlalchemy.orm import Session


def copy_in(session: Session, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Feed the rows to a `COPY ... FROM STDIN`; what `rows` raises ends the statement and is raised here."""
    connection = session.connection().connection.driver_connection
    if connection is None:
        raise RuntimeError("the session has no connection")
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def count_written(
    session: Session, statement: Update | Delete | TextClause, values: Mapping[str, Any] | None = None
) -> int:
    """Run a write without RETURNING; how many rows it met."""
    result = session.execute(statement, values)
    assert isinstance(result, CursorResult)  # noqa: S101 - for the type checker: a write without RETURNING
    return result.rowcount
