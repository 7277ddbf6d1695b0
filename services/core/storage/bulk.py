"""Many rows at once, inside the session's own transaction: PostgreSQL's COPY, and writes that say how many they met."""

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from sqlalchemy import CursorResult, Delete, Select, TextClause, Update, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from services.core.storage.server_errors import condemns


def copy_in(session: Session, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Feed the rows to a `COPY ... FROM STDIN`, which ends only with them: give it what is at hand, not what is read
    meanwhile.

    What `rows` raises ends the statement and is raised here. The driver's errors come as SQLAlchemy's, like those of
    every other statement.
    """
    connection = session.connection()
    driver = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("the session has no connection")
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        is_lost = driver.closed or condemns(error)
        if is_lost:
            connection.invalidate(error)
        raise DBAPIError.instance(
            statement,
            None,
            error,
            psycopg.Error,
            hide_parameters=True,
            connection_invalidated=is_lost,
            dialect=connection.dialect,
        ) from error


def count_written(
    session: Session, statement: Update | Delete | TextClause, values: Mapping[str, Any] | None = None
) -> int:
    """Run a write without RETURNING; how many rows it met."""
    result = session.execute(statement, values)
    assert isinstance(result, CursorResult)  # noqa: S101 - for the type checker: a write without RETURNING
    return result.rowcount


def once(chosen: Select[int]) -> Select[int]:
    """The ids that `chosen`, which locks and has a limit, comes to, evaluated once for the statement that writes them.

    A bare subquery may be evaluated anew for each row, skips what the statement has written by then, and so goes on
    beyond its limit. PostgreSQL never folds a common table expression that locks into the statement.
    """
    found = chosen.cte("chosen")
    return select(found.c.id)
