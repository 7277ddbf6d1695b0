"""Campaigns and the people inside them."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.core.domain.audiences import Audience
from services.core.domain.campaigns import CampaignStatus, StopReason
from services.core.domain.messages import MessageKind
from services.core.domain.plans import PlanSums
from services.core.domain.sending_window import OwnWindow
from services.core.storage.models.metadata import E164, Base, Id, ProductStamp, one_of


class Campaign(Base):
    """`unmade_after`: recipients above this id have no message yet; a start makes the first, a task the others. Of a
    cancelled campaign it says that messages are left to be ended.

    `starts_at` is when a scheduled one starts; `drift` how far its plan was from the approved one then.
    `stopped_because` says why it waits for a person though none told it to. What comes back is judged by the texts that
    left since `judged_since`.

    What is kept as JSON is read when it is asked for, so that one row that can't be read stops nobody else's.
    """

    __tablename__ = "campaigns"
    __table_args__ = (
        one_of("status", CampaignStatus),
        one_of("kind", MessageKind),
        CheckConstraint("split_percent_b BETWEEN 0 AND 100", name="split_percent"),
        CheckConstraint("(template_b IS NULL) = (split_percent_b = 0)", name="split_needs_b"),
        CheckConstraint("daily_cap > 0 AND batch_size > 0", name="pacing_positive"),
        CheckConstraint("ids_per_task BETWEEN 1 AND 50", name="ids_per_task"),
        CheckConstraint(
            "status IN ('draft', 'cancelled')"
            " OR plan_hash IS NOT NULL AND CASE status WHEN 'scheduled' THEN starts_at ELSE started_at END IS NOT NULL",
            name="starts_from_a_plan",
        ),
        one_of("stopped_because", StopReason),
        CheckConstraint("(stopped_because IS NULL) = (stopped_at IS NULL)", name="stopped_for_a_reason"),
        Index("ix_campaigns_stopped", "stopped_at", postgresql_where=text("stopped_because IS NOT NULL")),
        Index("ix_campaigns_alive", "id", postgresql_where=text("status IN ('scheduled', 'running', 'paused')")),
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=text("'draft'"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    template_a: Mapped[str]
    template_b: Mapped[str | None]
    split_percent_b: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    audience_json: Mapped[dict[str, Any]] = mapped_column("audience")
    sender: Mapped[E164]
    sender_phone_number_id: Mapped[str]
    window_json: Mapped[dict[str, Any] | None] = mapped_column("window")
    daily_cap: Mapped[int]
    batch_size: Mapped[int]
    batch_every: Mapped[timedelta]
    ids_per_task: Mapped[int] = mapped_column(SmallInteger, server_default=text("10"))
    ends_at: Mapped[datetime | None]
    plan_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    plan_json: Mapped[dict[str, Any] | None] = mapped_column("plan")
    planned_at: Mapped[datetime | None]
    starts_at: Mapped[datetime | None]
    drift: Mapped[dict[str, Any] | None]
    started_at: Mapped[datetime | None]
    judged_since: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    stopped_because: Mapped[str | None]
    stopped_detail: Mapped[dict[str, Any] | None]
    unmade_after: Mapped[int | None] = mapped_column(BigInteger)
    finished_at: Mapped[datetime | None]
    created_by: Mapped[str]
    created_at: Mapped[ProductStamp]
    traceparent: Mapped[str | None]

    @property
    def audience(self) -> Audience:
        return Audience.of_json(self.audience_json)

    @audience.setter
    def audience(self, audience: Audience) -> None:
        self.audience_json = audience.as_json()

    @property
    def window(self) -> OwnWindow | None:
        """Its own; None where the installation's holds."""
        return None if self.window_json is None else OwnWindow.of_json(self.window_json)

    @window.setter
    def window(self, window: OwnWindow | None) -> None:
        self.window_json = None if window is None else window.as_json()

    @property
    def plan(self) -> PlanSums | None:
        return None if self.plan_json is None else PlanSums.of_json(self.plan_json)

    @plan.setter
    def plan(self, plan: PlanSums | None) -> None:
        self.plan_json = None if plan is None else plan.as_json()


class Recipient(Base):
    """A contact inside one campaign's plan: who will be texted what, or is excluded and why."""

    __tablename__ = "recipients"
    __table_args__ = (
        UniqueConstraint("campaign_id", "step", "e164"),
        Index("ix_recipients_page", "campaign_id", "id"),
        Index("ix_recipients_texts", "campaign_id", postgresql_where=text("body <> ''")),
        CheckConstraint("variant IN ('a', 'b')", name="variant_known"),
        CheckConstraint("(excluded IS NULL) = (body IS NOT NULL)", name="planned_or_excluded"),
    )

    id: Mapped[Id]
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"), index=True)
    e164: Mapped[E164]
    step: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    variant: Mapped[str]
    excluded: Mapped[str | None]
    body: Mapped[str | None]
    segments: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
