"""Who signs in to the console: people, their one-time links, passwords and sessions.

All times are real ones, whatever the product's clock says. Of links, passwords, recovery codes and sessions only
hashes are stored. An authenticator's secret is stored as it is, and only the console reads it: it opens nothing without
the password.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.core.domain.access import Role
from services.core.domain.sign_in import SignInMethod
from services.core.storage.models.metadata import Base, Id, RealStamp, one_of

HASH_BYTES = 32


def _hashed(column: str) -> CheckConstraint:
    return CheckConstraint(f"octet_length({column}) = {HASH_BYTES}", name=f"{column}_length")


class User(Base):
    """A person; `name_key` is what all spellings of the name have in common, so that nobody passes for two."""

    __tablename__ = "users"
    __table_args__ = (
        one_of("role", Role),
        CheckConstraint("name <> '' AND length(name) <= 100", name="name_length"),
    )

    id: Mapped[Id]
    name: Mapped[str]
    name_key: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    created_at: Mapped[RealStamp]
    disabled_at: Mapped[datetime | None]


class SignInLink(Base):
    """Opens one session, once, until `expires_at`."""

    __tablename__ = "sign_in_links"
    __table_args__ = (
        _hashed("code_hash"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        Index(None, "user_id"),
        Index(None, "expires_at"),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[RealStamp]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class UserSession(Base):
    """A browser that somebody signed in with; `address` and `agent` are those of that moment."""

    __tablename__ = "user_sessions"
    __table_args__ = (
        _hashed("secret_hash"),
        one_of("method", SignInMethod),
        CheckConstraint("length(address) <= 100", name="address_length"),
        CheckConstraint("length(agent) <= 300", name="agent_length"),
        Index(None, "user_id"),
        Index(None, "created_at"),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[RealStamp]
    seen_at: Mapped[RealStamp]
    revoked_at: Mapped[datetime | None]
    address: Mapped[str]
    agent: Mapped[str]
    method: Mapped[str] = mapped_column(server_default=SignInMethod.LINK)


class Password(Base):
    """What a person signs in with besides links: one that is confirmed by its second factor, and one that is not yet.

    `last_step` is the last step of the authenticator that was used, `failed_codes` how many wrong codes came with the
    right password since.
    """

    __tablename__ = "user_passwords"
    __table_args__ = (
        CheckConstraint("failed_codes >= 0", name="failed_codes_counted"),
        Index(None, "user_id"),
        Index("uq_user_passwords_confirmed", "user_id", unique=True, postgresql_where=text("confirmed_at IS NOT NULL")),
        Index("uq_user_passwords_chosen", "user_id", unique=True, postgresql_where=text("confirmed_at IS NULL")),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    password_hash: Mapped[str]
    totp_secret: Mapped[str]
    last_step: Mapped[int | None]
    failed_codes: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[RealStamp]
    confirmed_at: Mapped[datetime | None]


class RecoveryCode(Base):
    """Stands in for the authenticator, once."""

    __tablename__ = "recovery_codes"
    __table_args__ = (_hashed("code_hash"), UniqueConstraint("user_id", "code_hash"))

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    used_at: Mapped[datetime | None]


class Agreement(Base):
    """A code by which whoever made it, by a session or a token, agrees once to what another does."""

    __tablename__ = "agreements"
    __table_args__ = (
        _hashed("code_hash"),
        CheckConstraint("num_nonnulls(token_id, session_id) = 1", name="one_maker"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        Index(None, "token_id"),
        Index(None, "session_id"),
        Index(None, "expires_at"),
    )

    id: Mapped[Id]
    token_id: Mapped[int | None] = mapped_column(ForeignKey("api_tokens.id"))
    session_id: Mapped[int | None] = mapped_column(ForeignKey("user_sessions.id"))
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[RealStamp]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
