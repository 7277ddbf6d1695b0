"""Rows of which there can be one: who makes it a moment later is told so, and nothing else of their work is lost."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.errors import UniqueViolation
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session


@contextmanager
def unless_taken(session: Session, taken: Exception) -> Iterator[None]:
    """Write what the block adds; where another has the same, perhaps since this very moment, raise `taken` instead.

    The transaction goes on as if the block had not been. To look before is no substitute: two can look at once.
    """
    try:
        with session.begin_nested():
            yield
    except IntegrityError as error:
        if not isinstance(error.orig, UniqueViolation):
            raise
        raise taken from error
