"""Changes of large tables while they are in use. Each can be repeated after it was cut off in the middle.

Everything else that a migration does must end at once: `tests/integration/storage/test_migration_locks.py` refuses the
ones that read a whole table while others wait for it.
"""

from collections.abc import Sequence

from alembic import op

from services.core.storage.migrate import LOCK_TIMEOUT


def create_index(name: str, table: str, columns: Sequence[str], *, where: str = "", unique: bool = False) -> None:
    """Build an index beside the traffic. What a cut-off attempt left is not valid and is built anew."""
    condition = f" WHERE {where}" if where else ""
    kind = "UNIQUE INDEX" if unique else "INDEX"
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")  # it waits for old transactions to end, and nobody waits for it
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute(f"CREATE {kind} CONCURRENTLY {name} ON {table} ({', '.join(columns)}){condition}")
        op.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")


def add_check(name: str, table: str, condition: str) -> None:
    """Hold new rows to a condition at once, and the old ones after a look at each that stops nobody."""
    with op.get_context().autocommit_block():
        op.execute(
            f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}, ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID"
        )
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
