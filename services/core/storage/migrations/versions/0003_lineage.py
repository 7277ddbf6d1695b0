"""The installation knows which life of the database it was made in."""

from alembic import op

from services.core.storage.models.installation import CURRENT_LINEAGE

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE installation ADD COLUMN lineage varchar")
    # One that is here by a restore stays without, and sends nothing until a person adopts it.
    op.execute(
        f"UPDATE installation SET lineage = ({CURRENT_LINEAGE}) WHERE system_identifier ="  # noqa: S608
        " (SELECT system_identifier::text FROM pg_control_system())"
    )
