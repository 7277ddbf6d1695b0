"""Indexes by which the clean-up finds what it lets go: without them each batch reads a table that only grows."""

from services.core.storage.migrations.online import create_index

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("ix_messages_texts", "messages", ["updated_at"], where="body IS NOT NULL")
    create_index("ix_recipients_texts", "recipients", ["campaign_id"], where="body <> ''")
    create_index("ix_inbox_bodies", "inbox", ["received_at"], where="raw IS NOT NULL")
