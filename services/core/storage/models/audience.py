"""People and their numbers: contacts, how they came in, and what they said about being texted."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.core.domain.imports import ImportStatus, RowOutcome
from services.core.domain.opt_outs import OptOutSource
from services.core.storage.models.metadata import E164, Base, Id, ProductStamp, one_of


class Contact(Base):
    """A person is a number. The row is what sending and opting out both lock first.

    An erased one keeps a hash of its number, so that it is known again when the number comes back.
    """

    __tablename__ = "contacts"
    __table_args__ = (
        CheckConstraint(r"erased_at IS NOT NULL OR e164 ~ '^\+[1-9][0-9]{1,14}$'", name="e164_form"),
        CheckConstraint("(erased_at IS NULL) = (number_hash IS NULL)", name="erased_is_hashed"),
        Index(None, "external_id"),
    )

    id: Mapped[Id]
    e164: Mapped[E164] = mapped_column(unique=True)
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    city: Mapped[str | None]
    state: Mapped[str | None]
    zip: Mapped[str | None]
    timezone: Mapped[str | None]
    external_id: Mapped[str | None]
    fields: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    opted_out_at: Mapped[datetime | None]
    opted_in_at: Mapped[datetime | None]
    suppressed_reason: Mapped[str | None]
    paused_at: Mapped[datetime | None]
    import_id: Mapped[int | None] = mapped_column(ForeignKey("imports.id"), index=True)
    erased_at: Mapped[datetime | None]
    number_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[ProductStamp]
    updated_at: Mapped[ProductStamp]


class OptOut(Base):
    """One opt-out, kept as proof for years; in force while `lifted_at` is empty."""

    __tablename__ = "opt_outs"
    __table_args__ = (
        one_of("source", OptOutSource),
        Index("ix_opt_outs_recorded", "recorded_at"),
        Index("uq_opt_outs_in_force", "contact_id", unique=True, postgresql_where=text("lifted_at IS NULL")),
    )

    id: Mapped[Id]
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"), index=True)
    e164: Mapped[E164]
    source: Mapped[str]
    rule: Mapped[str]
    said_at: Mapped[datetime]
    recorded_at: Mapped[ProductStamp]
    evidence: Mapped[str | None]
    inbox_id: Mapped[int | None] = mapped_column(ForeignKey("inbox.id"), index=True)
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None]
    lift_evidence: Mapped[str | None]


class Review(Base):
    """A doubtful text: the contact is paused until a person decides what was meant."""

    __tablename__ = "reviews"
    __table_args__ = (Index("ix_reviews_open", "created_at", postgresql_where=text("decided_at IS NULL")),)

    id: Mapped[Id]
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"), index=True)
    inbox_id: Mapped[int | None] = mapped_column(ForeignKey("inbox.id"), unique=True)
    rule: Mapped[str]
    said_at: Mapped[datetime]
    created_at: Mapped[ProductStamp]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    decision: Mapped[str | None]
    note: Mapped[str | None]


class Import(Base):
    """A file of contacts: read into rows first (dry run), taken over when confirmed, some thousand rows at a time.

    `findings` is what was found out about the file beside its rows, `foreseen` the counts of the dry run. A
    confirmation goes through the marked numbers first, `taken_number` being the last of them, then through the rows,
    `taken_line` being the last of those; `progress_at` (real time) is when it last moved, or was last published.
    """

    __tablename__ = "imports"
    __table_args__ = (
        one_of("status", ImportStatus),
        CheckConstraint("accepted + merged + rejected + suppressed = rows", name="counts_add_up"),
        Index("ix_imports_confirming", "id", postgresql_where=text("status = 'confirming'")),
    )

    id: Mapped[Id]
    file_name: Mapped[str]
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[str]
    rows: Mapped[int] = mapped_column(server_default=text("0"))
    accepted: Mapped[int] = mapped_column(server_default=text("0"))
    merged: Mapped[int] = mapped_column(server_default=text("0"))
    rejected: Mapped[int] = mapped_column(server_default=text("0"))
    suppressed: Mapped[int] = mapped_column(server_default=text("0"))
    findings: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    foreseen: Mapped[dict[str, Any] | None]
    taken_number: Mapped[str | None]
    taken_line: Mapped[int | None]
    progress_at: Mapped[datetime | None]
    created_by: Mapped[str]
    created_at: Mapped[ProductStamp]
    confirmed_at: Mapped[datetime | None]
    traceparent: Mapped[str | None]


class ImportRow(Base):
    """One row of a file with its outcome; the four outcomes add up to the file's rows."""

    __tablename__ = "import_rows"
    __table_args__ = (
        one_of("outcome", RowOutcome),
        UniqueConstraint("import_id", "line"),
        Index("ix_import_rows_number", "import_id", "e164"),
        Index("ix_import_rows_rejected", "import_id", "line", postgresql_where=text("outcome = 'rejected'")),
    )

    id: Mapped[Id]
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"))
    line: Mapped[int]
    outcome: Mapped[str]
    reason: Mapped[str | None]
    e164: Mapped[str | None]
    opted_out: Mapped[bool] = mapped_column(server_default=text("false"))
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    warnings: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
