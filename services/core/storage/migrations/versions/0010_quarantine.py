"""What was set aside is looked for every few seconds: an index on it alone, however many webhooks there are."""

from services.core.storage.migrations import online

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    online.create_index("ix_inbox_quarantined", "inbox", ["id"], where="status = 'quarantined'")
