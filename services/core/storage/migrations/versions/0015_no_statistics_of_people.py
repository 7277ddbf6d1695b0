"""The planner's statistics hold values of the rows that were read for them: of columns that tell who somebody is, none.

What an erased person's number was must not stay in `pg_statistic`, which no erasure reaches. Such columns are found by
unique indexes, for which the planner needs no statistics.
"""

from alembic import op
from sqlalchemy import text

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

PERSONAL = {
    "contacts": ("e164", "first_name", "last_name", "city", "zip", "external_id", "fields"),
    "opt_outs": ("e164", "evidence", "lift_evidence"),
    "reviews": ("note",),
    "imports": ("findings", "taken_number", "file_name"),
    "import_rows": ("e164", "data", "warnings"),
    "recipients": ("e164", "body"),
    "messages": ("e164", "body", "body_hash", "conversation_id"),
    "inbox": ("raw", "headers"),
    "idempotency_keys": ("response",),
    "task_runs": ("args", "error"),
    "dead_letters": ("args", "error", "note"),
}
CLEARS_STATISTICS = 180000  # the first PostgreSQL that lets a table's owner drop what was gathered


def upgrade() -> None:
    for table, columns in PERSONAL.items():
        op.execute(f"ALTER TABLE {table} {', '.join(f'ALTER COLUMN {name} SET STATISTICS 0' for name in columns)}")
    connection = op.get_bind()
    if connection.scalar(text("SELECT current_setting('server_version_num')::int")) < CLEARS_STATISTICS:
        return  # what was gathered before stays until the table is made anew: services/RETENTION.md
    for table, columns in PERSONAL.items():
        for name in columns:
            connection.execute(
                text("SELECT pg_clear_attribute_stats(current_schema(), :table, :name, false)"),
                {"table": table, "name": name},
            )
