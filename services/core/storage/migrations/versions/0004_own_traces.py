"""Each message has a trace of its own, begun when the row is made: which act made it, and how often it was queued."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("begun_by", sa.String(), nullable=True))
    op.add_column("messages", sa.Column("dispatches", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
