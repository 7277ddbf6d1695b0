"""Indexes by which a day's texts, replies and opt-outs are counted without reading the years before."""

from services.core.storage.migrations.online import create_index

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("ix_messages_submitted", "messages", ["submitted_at", "status"], where="submitted_at IS NOT NULL")
    create_index("ix_messages_received", "messages", ["created_at"], where="direction = 'incoming'")
    create_index("ix_opt_outs_recorded", "opt_outs", ["recorded_at"])
