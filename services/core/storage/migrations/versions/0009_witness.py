"""The installation compares itself with a witness outside the database."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE installation"
        " ADD COLUMN IF NOT EXISTS incarnations varchar[] NOT NULL DEFAULT '{}',"
        " ADD COLUMN IF NOT EXISTS place varchar NOT NULL DEFAULT '',"
        " ADD COLUMN IF NOT EXISTS checked_run varchar,"
        " ADD COLUMN IF NOT EXISTS check_until timestamptz,"
        " ADD COLUMN IF NOT EXISTS doubt varchar"
    )
    op.execute("ALTER TABLE installation ALTER COLUMN incarnations SET DEFAULT ARRAY[gen_random_uuid()::text]")
    with op.get_context().autocommit_block():
        op.execute("UPDATE installation SET incarnations = DEFAULT WHERE incarnations = '{}'")
        # The timeline is a run's now, so that a failover that lost nothing needs nobody.
        op.execute(
            "UPDATE installation SET checked_run = split_part(lineage, '/', 2) || '@0',"
            " lineage = regexp_replace(lineage, '^([0-9]+)/[0-9A-F]{8}/([0-9]+/[0-9]+)$', '\\1/\\2')"
            " WHERE lineage ~ '^[0-9]+/[0-9A-F]{8}/[0-9]+/[0-9]+$'"
        )
