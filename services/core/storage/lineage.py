"""What the database says of its own life, and what was found out about it; the judgement is the domain's."""

from datetime import timedelta

from sqlalchemy import func, literal_column, or_, select, update
from sqlalchemy.orm import Session

from services.core.domain.lineage import Standing
from services.core.storage.bulk import count_written
from services.core.storage.models import Attempt, Installation
from services.core.storage.models.installation import CURRENT_LINEAGE, CURRENT_RUN

COMPARED = "attackacrack_compared"


def standing(session: Session) -> Standing:
    """Read afresh, in one statement. An attempt that the witness has heard of before it is in `epoch`, or forgotten."""
    newest = select(func.coalesce(func.max(Attempt.id), 0)).scalar_subquery()
    row = session.execute(
        select(
            Installation.incarnations,
            newest,
            literal_column(f"({CURRENT_RUN})"),
            Installation.checked_run,
            Installation.place,
            Installation.is_rewound,
        )
    ).one()
    return Standing(*row)


def run(session: Session) -> str:
    """This run of the server; see `CURRENT_RUN`."""
    return str(session.scalar(select(literal_column(f"({CURRENT_RUN})"))))


def take_check(session: Session, *, lease: timedelta) -> bool:
    """Whether it is for the caller to ask the provider about this run of the server: one process at a time does."""
    now = func.clock_timestamp()
    free = or_(Installation.check_until.is_(None), Installation.check_until < now)
    return bool(count_written(session, update(Installation).where(free).values(check_until=now + lease)))


def end_check(session: Session) -> None:
    session.execute(update(Installation).values(check_until=None))


def passed(session: Session, found: Standing, *, place: str) -> None:
    """Say that the run of `found` remembers all; nothing when it is over, or doubted, by now."""
    session.execute(
        update(Installation)
        .where(literal_column(f"({CURRENT_RUN})") == found.run, Installation.is_rewound.is_(False))
        .values(checked_run=found.run, place=place or Installation.place)
    )


def cast_doubt(session: Session, reason: str) -> None:
    """Keep in mind that something was forgotten, and why we know; nothing is sent until a person adopts."""
    session.execute(update(Installation).where(Installation.doubt.is_(None)).values(doubt=reason))


def begin_life(session: Session) -> Standing:
    """Name another life, which knows all that was sent in the others; the gate stays shut until it is adopted."""
    another = func.array_append(Installation.incarnations, literal_column("gen_random_uuid()::text"))
    session.execute(update(Installation).values(incarnations=another))
    return standing(session)


def adopt(session: Session, *, place: str) -> None:
    """Take the database, here and now, for the one that sends."""
    session.execute(
        update(Installation).values(
            lineage=literal_column(f"({CURRENT_LINEAGE})"),
            checked_run=literal_column(f"({CURRENT_RUN})"),
            check_until=None,
            place=place,
            doubt=None,
        )
    )


def is_compared(session: Session) -> bool:
    """Whether the witness was asked since the session's connection was made: another may lead to another server."""
    return COMPARED in session.connection().info


def note_compared(session: Session) -> None:
    session.connection().info[COMPARED] = True
