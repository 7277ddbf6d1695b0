"""A token's times are real ones, all of them: its end was, and its making went by the product's clock.

Where that clock was moved on, a token was made in the future: it is taken for one that was made now.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE api_tokens SET created_at = now() WHERE created_at > now()")
    op.execute("UPDATE api_tokens SET revoked_at = now() WHERE revoked_at > now()")
    op.execute("ALTER TABLE api_tokens ALTER COLUMN created_at SET DEFAULT now()")
