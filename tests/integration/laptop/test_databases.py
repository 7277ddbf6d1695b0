"""Each test has a migrated database of its own."""

import psycopg
import pytest


@pytest.mark.parametrize("number", [1, 2])
def test_starts_migrated_and_without_the_rows_of_another_test(database_url: str, number: int) -> None:
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
        connection.execute("CREATE TABLE left_behind (number integer)")
