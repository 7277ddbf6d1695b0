"""Received webhooks, stored byte for byte before they are answered, and the effects they had."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, SmallInteger, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.core.domain.inbox import InboxStatus
from services.core.storage.models.metadata import Base, Id, ProductStamp, one_of


class InboxEvent(Base):
    """One delivery. `dedupe_key` is the delivery id, or for legacy webhooks what stands in for it."""

    __tablename__ = "inbox"
    __table_args__ = (
        one_of("status", InboxStatus),
        UniqueConstraint("dedupe_key", "body_hash"),
        Index("ix_inbox_new", "id", postgresql_where=text("status = 'new'")),
        Index("ix_inbox_quarantined", "id", postgresql_where=text("status = 'quarantined'")),
        Index("ix_inbox_parked", "provider_message_id", postgresql_where=text("status = 'parked'")),
        Index("ix_inbox_event", "event_id"),
        Index("ix_inbox_received", "received_at"),
        Index("ix_inbox_bodies", "received_at", postgresql_where=text("raw IS NOT NULL")),
    )

    id: Mapped[Id]
    scheme: Mapped[str]
    dedupe_key: Mapped[str] = mapped_column(String(600))
    body_hash: Mapped[bytes] = mapped_column(LargeBinary)
    delivery_id: Mapped[str | None]
    event_id: Mapped[str | None]
    event_type: Mapped[str | None]
    key_id: Mapped[str | None]
    signed_at: Mapped[datetime | None]
    received_at: Mapped[ProductStamp]
    raw: Mapped[bytes | None] = mapped_column(LargeBinary)
    headers: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    status: Mapped[str]
    reason: Mapped[str | None]
    provider_message_id: Mapped[str | None]
    published_at: Mapped[datetime | None]  # nobody's any more, but the sweep of the release before writes it
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    deaths: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    next_attempt_at: Mapped[datetime | None]
    handled_at: Mapped[datetime | None]
    dead_at: Mapped[datetime | None]
    traceparent: Mapped[str | None]


class Effect(Base):
    """What an event did, by its effect's own key: the second delivery of it finds the row and does nothing."""

    __tablename__ = "effects"

    effect_key: Mapped[str] = mapped_column(primary_key=True)
    inbox_id: Mapped[int] = mapped_column(ForeignKey("inbox.id"), index=True)
    at: Mapped[ProductStamp]
