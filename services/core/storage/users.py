"""People who sign in to the console."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.core.domain.access import Role, person_key
from services.core.storage.models import User


def add(session: Session, *, name: str, role: Role) -> User:
    """Add a person; flushed, so that a name that is taken fails here."""
    user = User(name=name, name_key=person_key(name), role=role)
    session.add(user)
    session.flush()
    session.refresh(user)
    return user


def find(session: Session, name: str, *, lock: bool = False) -> User | None:
    """The person of that name in any spelling; with `lock` nobody else changes them until the transaction ends."""
    query = select(User).where(User.name_key == person_key(name))
    return session.scalar(query.with_for_update() if lock else query)


def list_all(session: Session) -> Sequence[User]:
    return session.scalars(select(User).order_by(User.id)).all()


def change(session: Session, user: User, *, role: Role | None = None, disabled: bool | None = None) -> None:
    """Give a person another role, or let them in no more, or again."""
    if role is not None:
        user.role = role
    if disabled is not None:
        user.disabled_at = func.now() if disabled else None
    session.flush()
    session.refresh(user)
