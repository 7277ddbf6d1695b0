"""Passwords with a second factor, recovery codes, and how each session was begun."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "user_passwords",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("totp_secret", sa.String(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.Column("failed_codes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_user_passwords"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_user_passwords_user_id"),
        sa.CheckConstraint("failed_codes >= 0", name=op.f("ck_user_passwords_failed_codes_counted")),
        sa.Index("ix_user_passwords_user_id", "user_id"),
        sa.Index(
            "uq_user_passwords_confirmed", "user_id", unique=True, postgresql_where=sa.text("confirmed_at IS NOT NULL")
        ),
        sa.Index("uq_user_passwords_chosen", "user_id", unique=True, postgresql_where=sa.text("confirmed_at IS NULL")),
        if_not_exists=True,
    )
    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_codes"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_recovery_codes_user_id"),
        sa.UniqueConstraint("user_id", "code_hash", name="uq_recovery_codes_user_id_code_hash"),
        sa.CheckConstraint("octet_length(code_hash) = 32", name=op.f("ck_recovery_codes_code_hash_length")),
        if_not_exists=True,
    )
    op.execute(
        "ALTER TABLE user_sessions ADD COLUMN IF NOT EXISTS method varchar DEFAULT 'link' NOT NULL"
        " CONSTRAINT ck_user_sessions_method_known CHECK (method IN ('link', 'password'))"
    )
