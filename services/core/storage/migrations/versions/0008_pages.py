"""Indexes by which a page of people is found without reading a whole campaign, or everything ever written."""

from services.core.storage.migrations import online

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    online.create_index("ix_recipients_page", "recipients", ["campaign_id", "id"])
    online.create_index("ix_messages_incoming", "messages", ["contact_id", "id"], where="direction = 'incoming'")
    online.create_index("ix_messages_e164", "messages", ["e164", "id"])
