"""What an import found out about its file, and how far its confirmation has come; its refused rows by line."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.core.storage.migrations import online

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

JSON = postgresql.JSONB(astext_type=sa.Text())


def upgrade() -> None:
    op.add_column("imports", sa.Column("findings", JSON, server_default=sa.text("'{}'::jsonb"), nullable=False))
    op.add_column("imports", sa.Column("foreseen", JSON, nullable=True))
    op.add_column("imports", sa.Column("taken_number", sa.String(), nullable=True))
    op.add_column("imports", sa.Column("taken_line", sa.BigInteger(), nullable=True))
    op.add_column("imports", sa.Column("progress_at", sa.DateTime(timezone=True), nullable=True))
    online.add_check(
        "ck_imports_status_known", "imports", "status IN ('dry_run', 'confirming', 'confirmed', 'cancelled')"
    )
    online.create_index("ix_imports_confirming", "imports", ["id"], where="status = 'confirming'")
    online.create_index("ix_import_rows_rejected", "import_rows", ["import_id", "line"], where="outcome = 'rejected'")
