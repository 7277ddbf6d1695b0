"""Codes by which one person agrees to what another does."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agreements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("token_id", sa.BigInteger(), nullable=True),
        sa.Column("session_id", sa.BigInteger(), nullable=True),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_agreements"),
        sa.ForeignKeyConstraint(["token_id"], ["api_tokens.id"], name="fk_agreements_token_id"),
        sa.ForeignKeyConstraint(["session_id"], ["user_sessions.id"], name="fk_agreements_session_id"),
        sa.UniqueConstraint("code_hash", name="uq_agreements_code_hash"),
        sa.CheckConstraint("octet_length(code_hash) = 32", name=op.f("ck_agreements_code_hash_length")),
        sa.CheckConstraint("num_nonnulls(token_id, session_id) = 1", name=op.f("ck_agreements_one_maker")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_agreements_expires_later")),
        sa.Index("ix_agreements_token_id", "token_id"),
        sa.Index("ix_agreements_session_id", "session_id"),
        sa.Index("ix_agreements_expires_at", "expires_at"),
        if_not_exists=True,
    )
