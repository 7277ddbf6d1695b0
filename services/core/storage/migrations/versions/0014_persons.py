"""A token says who holds it, so that two tokens of one person are no two people."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE api_tokens ADD COLUMN IF NOT EXISTS person varchar")
