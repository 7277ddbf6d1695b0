"""The installation's one row: its switches, its clock and the provider's breaker."""

from datetime import datetime, timedelta

from sqlalchemy import case, func, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.core.storage.models import Installation
from services.core.storage.models.installation import CURRENT_LINEAGE, CURRENT_RUN

REFUSED_AGAIN_WITHIN = timedelta(minutes=15)
"""A refusal that comes so soon after the last one's wait has ended is still the same."""


class InstallationMismatch(Exception):
    """The database belongs to another provider, environment or number: nothing may work on it."""


def ensure(session: Session, *, provider: str, environment: str, key_fingerprint: str, place: str = "") -> Installation:
    """The row, made at the first start. Raises `InstallationMismatch` when it was made for something else."""
    wanted = {"provider": provider, "environment": environment, "key_fingerprint": key_fingerprint}
    session.execute(
        insert(Installation)
        .values(
            id=1,
            system_identifier=system_identifier(session),
            lineage=lineage(session),
            place=place,
            checked_run=literal_column(f"({CURRENT_RUN})"),
            **wanted,
        )
        .on_conflict_do_nothing()
    )
    row = read(session)
    for name, value in wanted.items():
        if getattr(row, name) != value:
            raise InstallationMismatch(
                f"the database was set up for {name} {getattr(row, name)!r}, this process has {value!r}: "
                "use the installation's own database, or settings"
            )
    return row


def read(session: Session) -> Installation:
    """The row, read fresh."""
    return session.execute(select(Installation).execution_options(populate_existing=True)).scalar_one()


def system_identifier(session: Session) -> str:
    """PostgreSQL's own id of the server; releases before the lineage compare it."""
    return str(session.scalar(text("SELECT system_identifier FROM pg_control_system()")))


def lineage(session: Session) -> str:
    """Which database this is; see `CURRENT_LINEAGE`."""
    return str(session.scalar(text(CURRENT_LINEAGE)))


def move_clock(session: Session, offset: timedelta) -> None:
    """Set product time's offset to a later one."""
    session.execute(update(Installation).values(clock_offset=offset))


def stop_sending(session: Session, *, at: datetime, by: str, reason: str) -> None:
    session.execute(
        update(Installation).values(sending_stopped_at=at, sending_stopped_by=by, sending_stop_reason=reason)
    )


def resume_sending(session: Session) -> None:
    session.execute(
        update(Installation).values(
            sending_stopped_at=None,
            sending_stopped_by=None,
            sending_stop_reason=None,
            breaker_open_until=None,
            breaker_reason=None,
            breaker_since=None,
        )
    )


def open_breaker(session: Session, *, until: datetime, reason: str) -> None:
    """Let nothing be submitted before `until`: the provider refuses the account, perhaps for some time already."""
    goes_on = Installation.breaker_open_until > func.product_now() - REFUSED_AGAIN_WITHIN
    session.execute(
        update(Installation).values(
            breaker_since=func.coalesce(case((goes_on, Installation.breaker_since)), func.product_now()),
            breaker_open_until=func.greatest(func.coalesce(Installation.breaker_open_until, until), until),
            breaker_reason=reason,
        )
    )


def is_refused(session: Session) -> bool:
    """Whether the breaker is open."""
    return bool(session.scalar(select(Installation.breaker_open_until > func.product_now())))
