"""What the models promised and no database held: a check of outgoing texts, and an index for every foreign key."""

from services.core.storage.migrations import online

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    online.add_check(
        "ck_messages_outgoing_has_a_contact", "messages", "direction = 'incoming' OR contact_id IS NOT NULL"
    )
    for table, column in (
        ("messages", "recipient_id"),
        ("messages", "inbox_id"),
        ("jobs", "follow_up_message_id"),
        ("jobs", "reminder_message_id"),
        ("effects", "inbox_id"),
        ("opt_outs", "inbox_id"),
    ):
        online.create_index(f"ix_{table}_{column}", table, [column])
