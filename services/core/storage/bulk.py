"""Many rows in one stream: PostgreSQL's COPY inside the session's own transaction."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy.orm import Session


def copy_in(session: Session, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Feed the rows to a `COPY ... FROM STDIN`; what `rows` raises ends the statement and is raised here."""
    connection = session.connection().connection.driver_connection
    if connection is None:
        raise RuntimeError("the session has no connection")
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
