"""The installation compares itself with a witness outside the database."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "installation",
        sa.Column(
            "incarnations",
            sa.ARRAY(sa.String()),
            nullable=False,
            server_default=sa.text("ARRAY[gen_random_uuid()::text]"),
        ),
    )
    op.add_column("installation", sa.Column("place", sa.String(), nullable=False, server_default=""))
    op.add_column("installation", sa.Column("checked_run", sa.String(), nullable=True))
    op.add_column("installation", sa.Column("check_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("installation", sa.Column("doubt", sa.String(), nullable=True))
    # The timeline is a run's now, so that a failover that lost nothing needs nobody.
    op.execute(
        "UPDATE installation SET checked_run = split_part(lineage, '/', 2) || '@0',"
        " lineage = regexp_replace(lineage, '^([0-9]+)/[0-9A-F]{8}/([0-9]+/[0-9]+)$', '\\1/\\2')"
        " WHERE lineage ~ '^[0-9]+/[0-9A-F]{8}/[0-9]+/[0-9]+$'"
    )
