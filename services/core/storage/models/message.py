"""Messages and everything that was tried, decided and counted about them."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.core.domain.messages import Direction, MessageKind, MessageStatus
from services.core.storage.models.metadata import Base, Id, ProductStamp, one_of

OUTGOING = "direction = 'outgoing'"


class Message(Base):
    """A text. Outgoing rows in `pending` are the outbox; only a worker that holds lease and fence may submit one.

    `traceparent` is the root of the text's own trace, which its first dispatch begins; `begun_by` is the act that made
    the row. A text from a person is part of its webhook's trace.
    """

    __tablename__ = "messages"
    __table_args__ = (
        one_of("direction", Direction),
        one_of("kind", MessageKind),
        one_of("status", MessageStatus),
        CheckConstraint("(direction = 'incoming') = (status = 'received')", name="incoming_is_received"),
        CheckConstraint("status <> 'sending' OR lease_until IS NOT NULL", name="sending_is_leased"),
        CheckConstraint("status NOT IN ('failed', 'skipped') OR reason IS NOT NULL", name="ends_with_a_reason"),
        CheckConstraint("attempts >= 0 AND fence >= 0", name="counters"),
        CheckConstraint("direction = 'incoming' OR contact_id IS NOT NULL", name="outgoing_has_a_contact"),
        # one text per (campaign, step, number), ever
        Index("uq_messages_one_per_step", "campaign_id", "step", "e164", unique=True, postgresql_where=text(OUTGOING)),
        # no second submission to a person while the outcome of one is open
        Index(
            "uq_messages_one_in_flight",
            "sender",
            "e164",
            unique=True,
            postgresql_where=text("status IN ('sending', 'uncertain')"),
        ),
        Index("uq_messages_provider_message_id", "provider_message_id", unique=True),
        Index(
            "ix_messages_due",
            "campaign_id",
            "not_before",
            "id",
            postgresql_where=text("status = 'pending' AND published_at IS NULL AND not_before IS NOT NULL"),
        ),
        Index(
            "ix_messages_unqueued",
            "campaign_id",
            "id",
            postgresql_where=text("status = 'pending' AND not_before IS NULL"),
        ),
        Index(
            "ix_messages_published",
            "published_at",
            postgresql_where=text("status = 'pending' AND published_at IS NOT NULL"),
        ),
        Index("ix_messages_open", "status", "id", postgresql_where=text("status IN ('sending', 'uncertain', 'held')")),
        Index("ix_messages_texts", "updated_at", postgresql_where=text("body IS NOT NULL")),
        Index("ix_messages_contact", "contact_id", "submitted_at"),
        Index("ix_messages_incoming", "contact_id", "id", postgresql_where=text("direction = 'incoming'")),
        Index("ix_messages_submitted", "submitted_at", "status", postgresql_where=text("submitted_at IS NOT NULL")),
        Index("ix_messages_received", "created_at", postgresql_where=text("direction = 'incoming'")),
        Index("ix_messages_e164", "e164", "id"),
        Index("ix_messages_campaign_status", "campaign_id", "status"),
        Index("ix_messages_effect", "inbox_id", unique=True, postgresql_where=text("direction = 'incoming'")),
    )

    id: Mapped[Id]
    direction: Mapped[str]
    kind: Mapped[str]
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"))
    recipient_id: Mapped[int | None] = mapped_column(ForeignKey("recipients.id"), index=True)
    step: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    variant: Mapped[str | None]
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id"))
    e164: Mapped[str]
    sender: Mapped[str]
    sender_phone_number_id: Mapped[str]
    conversation_id: Mapped[str | None]
    body: Mapped[str | None]
    body_hash: Mapped[bytes] = mapped_column(LargeBinary)
    segments: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    status: Mapped[str]
    reason: Mapped[str | None]
    not_before: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(server_default=text("0"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    proven_failures: Mapped[int] = mapped_column(server_default=text("0"))
    submitted_at: Mapped[datetime | None]
    provider_message_id: Mapped[str | None]
    provider_error_code: Mapped[str | None]
    receipt_at: Mapped[datetime | None]
    said_at: Mapped[datetime | None]
    opted_out_in_flight: Mapped[bool] = mapped_column(server_default=text("false"))
    inbox_id: Mapped[int | None] = mapped_column(ForeignKey("inbox.id"), index=True)
    created_at: Mapped[ProductStamp]
    updated_at: Mapped[ProductStamp]
    traceparent: Mapped[str | None]
    begun_by: Mapped[str | None]
    dispatches: Mapped[int] = mapped_column(server_default=text("0"))


class Attempt(Base):
    """One submission to the provider: what was begun, and what is known of its end."""

    __tablename__ = "attempts"
    __table_args__ = (
        UniqueConstraint("message_id", "number"),
        Index("ix_attempts_unsettled", "next_look_at", postgresql_where=text("next_look_at IS NOT NULL")),
    )

    id: Mapped[Id]
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"))
    number: Mapped[int] = mapped_column(SmallInteger)
    fence: Mapped[int]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    detail: Mapped[str | None]
    http_status: Mapped[int | None] = mapped_column(SmallInteger)
    provider_trace: Mapped[str | None]
    next_look_at: Mapped[datetime | None]
    look_published_at: Mapped[datetime | None]
    traceparent: Mapped[str | None]


class Look(Base):
    """One look into the provider's list for an attempt whose outcome is unknown: the evidence a person sees."""

    __tablename__ = "looks"

    id: Mapped[Id]
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    at: Mapped[datetime]
    listed: Mapped[int]
    candidates: Mapped[list[Any]]
    control_seen: Mapped[bool]


class GateDecisionRow(Base):
    """What the gate said about a message and why; `why` reads these."""

    __tablename__ = "decisions"

    id: Mapped[Id]
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), index=True)
    at: Mapped[ProductStamp]
    outcome: Mapped[str]
    gate: Mapped[str]
    reason: Mapped[str]
    until: Mapped[datetime | None]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))


class CapCounter(Base):
    """Texts counted against a cap in one day of the business's zone; never above its limit."""

    __tablename__ = "cap_counters"
    __table_args__ = (CheckConstraint("used >= 0", name="not_negative"),)

    scope: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    used: Mapped[int]
