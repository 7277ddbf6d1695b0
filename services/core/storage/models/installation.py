"""The installation itself: one row of switches, who may act, and the record of what they did."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
    literal_column,
    text,
)
from sqlalchemy.orm import Mapped, column_property, mapped_column

from services.core.domain.access import Role
from services.core.storage.models.metadata import Base, Id, ProductStamp, RealStamp, one_of

RANDOM_BYTES = "decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')"
FIRST_INCARNATION = "ARRAY[gen_random_uuid()::text]"
CURRENT_LINEAGE = """
    SELECT concat_ws('/',
        (SELECT system_identifier FROM pg_control_system()),
        (SELECT oid FROM pg_database WHERE datname = current_database()),
        'installation'::regclass::oid)
"""
"""Which database this is: the ids of the server, the database and the table. A dump that was restored and a clone by
`initdb` are others; files that were put back are not, and a promoted standby is not: see `CURRENT_RUN`."""

CURRENT_RUN = """
    SELECT concat_ws('@',
        CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END,
        extract(epoch FROM pg_postmaster_start_time())::numeric)
"""
"""Which run of the server this is: its timeline, and when it started. Files are put back while no server runs on them,
so within a run nothing is forgotten; whether anything was before it is found out once (`operations/vouch.py`)."""


class Installation(Base):
    """One row. Senders read it in every submission, so a stop is in force at the next one."""

    __tablename__ = "installation"
    __table_args__ = (
        CheckConstraint("id = 1", name="single_row"),
        CheckConstraint("clock_offset >= interval '0'", name="clock_offset_forward"),
        CheckConstraint("clock_offset = interval '0' OR provider = 'simulator'", name="clock_offset_simulated"),
    )

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, server_default=text("1"))
    provider: Mapped[str]
    environment: Mapped[str]
    key_fingerprint: Mapped[str]
    system_identifier: Mapped[str]
    lineage: Mapped[str | None]
    incarnations: Mapped[list[str]] = mapped_column(ARRAY(String), server_default=text(FIRST_INCARNATION))
    """The lives that were vouched for, the present one last: each adoption begins another."""
    place: Mapped[str] = mapped_column(server_default="")
    checked_run: Mapped[str | None]
    check_until: Mapped[datetime | None]
    doubt: Mapped[str | None]
    """What a witness outside the database knows and the database does not."""
    is_rewound: Mapped[bool] = column_property(
        literal_column(f"(doubt IS NOT NULL OR lineage IS DISTINCT FROM ({CURRENT_LINEAGE}))", Boolean)
    )
    """Whether the database may have forgotten what was sent: nothing is, until a person has adopted it."""
    run: Mapped[str] = column_property(literal_column(f"({CURRENT_RUN})", String))
    clock_offset: Mapped[timedelta] = mapped_column(server_default=text("interval '0'"))
    sending_stopped_at: Mapped[datetime | None]
    sending_stopped_by: Mapped[str | None]
    sending_stop_reason: Mapped[str | None]
    breaker_open_until: Mapped[datetime | None]
    breaker_reason: Mapped[str | None]
    breaker_since: Mapped[datetime | None]
    gap_audit_cursor: Mapped[datetime | None]
    number_pepper: Mapped[bytes] = mapped_column(LargeBinary, server_default=text(RANDOM_BYTES))
    created_at: Mapped[ProductStamp]


class ApiToken(Base):
    """Its times are real ones, whatever the product's clock says: who moves that clock makes no token older.

    `person` holds it; `None`: whom the name names.
    """

    __tablename__ = "api_tokens"
    __table_args__ = (one_of("role", Role),)

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[RealStamp]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    person: Mapped[str | None]

    @property
    def holder(self) -> str:
        """The person who has the token."""
        return self.person or self.name


class IdempotencyKey(Base):
    """The first answer to a request with a key, so that a repeated one is answered alike.

    A key is a token's own, or a person's who signed in.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        UniqueConstraint("token_id", "key"),
        Index("uq_idempotency_keys_user_id_key", "user_id", "key", unique=True),
        CheckConstraint("num_nonnulls(token_id, user_id) = 1", name="one_owner"),
        Index(None, "created_at"),
    )

    id: Mapped[Id]
    token_id: Mapped[int | None] = mapped_column(ForeignKey("api_tokens.id"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    key: Mapped[str]
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status_code: Mapped[int | None] = mapped_column(SmallInteger)
    response: Mapped[dict[str, Any] | None]
    created_at: Mapped[ProductStamp]


class AuditEntry(Base):
    """What somebody did, written in the act's own transaction and never changed."""

    __tablename__ = "audit"
    __table_args__ = (
        Index(None, "subject", "subject_id"),
        Index("ix_audit_actor", "actor", "id"),
        Index("ix_audit_act", "act", "id"),
        Index("ix_audit_at", "at"),
    )

    id: Mapped[Id]
    at: Mapped[ProductStamp]
    actor: Mapped[str]
    act: Mapped[str]
    subject: Mapped[str]
    subject_id: Mapped[int | None] = mapped_column(BigInteger)
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    traceparent: Mapped[str | None]
    address: Mapped[str | None]
