"""The person that a verb is about."""

from services.core.domain.failures import NotFound, RefusedInput
from services.core.storage import users
from services.core.storage.database import Session
from services.core.storage.models import User

NAME_AT_MOST = 100


def check_name(name: str, *, pointer: str) -> None:
    """Raises `RefusedInput` for a name that nobody can have: it stands in the audit, in tables and on pages."""
    if not name.strip() or len(name) > NAME_AT_MOST or not name.isprintable() or "/" in name:
        detail = f"a name has 1 to {NAME_AT_MOST} printable characters, and no slash"
        raise RefusedInput("name_invalid", detail, pointer=pointer)


def lock_user(session: Session, name: str) -> User:
    """The person of that name, in any spelling, whom nobody else changes meanwhile. Raises `NotFound`."""
    user = users.find(session, name, lock=True)
    if user is None:
        raise NotFound("user", name)
    return user
