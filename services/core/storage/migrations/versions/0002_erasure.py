"""Contacts can be erased: their number's hash stays, so that an opted-out number stays opted out."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

E164_FORM = r"e164 ~ '^\+[1-9][0-9]{1,14}$'"
RANDOM_BYTES = "decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')"


def upgrade() -> None:
    op.add_column(
        "installation",
        sa.Column("number_pepper", sa.LargeBinary(), server_default=sa.text(RANDOM_BYTES), nullable=False),
    )
    op.add_column("contacts", sa.Column("number_hash", sa.LargeBinary(), nullable=True))
    op.create_unique_constraint(op.f("uq_contacts_number_hash"), "contacts", ["number_hash"])
    op.create_check_constraint(
        op.f("ck_contacts_erased_is_hashed"), "contacts", "(erased_at IS NULL) = (number_hash IS NULL)"
    )
    op.drop_constraint(op.f("ck_contacts_e164_form"), "contacts")
    op.create_check_constraint(op.f("ck_contacts_e164_form"), "contacts", f"erased_at IS NOT NULL OR {E164_FORM}")
