"""People who sign in to the console, their one-time links and sessions; what is kept under a key may be a person's."""

import sqlalchemy as sa
from alembic import op

from services.core.storage.migrations.online import add_check, create_index

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

ROLES = "role IN ('viewer', 'operator', 'admin')"


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name_key", name="uq_users_name_key"),
        sa.CheckConstraint(ROLES, name=op.f("ck_users_role_known")),
        sa.CheckConstraint("name <> '' AND length(name) <= 100", name=op.f("ck_users_name_length")),
        if_not_exists=True,
    )
    op.create_table(
        "sign_in_links",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_links"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sign_in_links_user_id"),
        sa.UniqueConstraint("code_hash", name="uq_sign_in_links_code_hash"),
        sa.CheckConstraint("octet_length(code_hash) = 32", name=op.f("ck_sign_in_links_code_hash_length")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_sign_in_links_expires_later")),
        sa.Index("ix_sign_in_links_user_id", "user_id"),
        sa.Index("ix_sign_in_links_expires_at", "expires_at"),
        if_not_exists=True,
    )
    op.create_table(
        "user_sessions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_user_sessions"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_user_sessions_user_id"),
        sa.UniqueConstraint("secret_hash", name="uq_user_sessions_secret_hash"),
        sa.CheckConstraint("octet_length(secret_hash) = 32", name=op.f("ck_user_sessions_secret_hash_length")),
        sa.CheckConstraint("length(address) <= 100", name=op.f("ck_user_sessions_address_length")),
        sa.CheckConstraint("length(agent) <= 300", name=op.f("ck_user_sessions_agent_length")),
        sa.Index("ix_user_sessions_user_id", "user_id"),
        sa.Index("ix_user_sessions_created_at", "created_at"),
        if_not_exists=True,
    )
    op.execute(
        "ALTER TABLE idempotency_keys ALTER COLUMN token_id DROP NOT NULL,"
        " ADD COLUMN IF NOT EXISTS user_id bigint CONSTRAINT fk_idempotency_keys_user_id REFERENCES users (id)"
    )
    create_index("uq_idempotency_keys_user_id_key", "idempotency_keys", ["user_id", "key"], unique=True)
    add_check("ck_idempotency_keys_one_owner", "idempotency_keys", "num_nonnulls(token_id, user_id) = 1")
