"""The audit says from where, and is found by who, what and when without being read whole."""

from alembic import op

from services.core.storage.migrations import online

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE audit ADD COLUMN IF NOT EXISTS address varchar")
    online.create_index("ix_audit_actor", "audit", ["actor", "id"])
    online.create_index("ix_audit_act", "audit", ["act", "id"])
    online.create_index("ix_audit_at", "audit", ["at"])
