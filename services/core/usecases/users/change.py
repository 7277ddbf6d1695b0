"""Give somebody another role, or let them in no more, or again; what they may no longer do ends at once."""

from services.core.domain.access import Role, same_person
from services.core.domain.failures import Conflict
from services.core.storage import audit, sign_ins, users
from services.core.storage.database import Session
from services.core.storage.models import User as Row
from services.core.usecases.context import Context
from services.core.usecases.users.people import lock_user
from services.core.views.users import User


def change_role(context: Context, name: str, *, role: Role, by: str, own: str | None = None) -> User:
    """Give a person another role, in force at their next request.

    `own` names the person who acts: a change of one's own role is a `Conflict`, since nobody may be left who can take
    it back. Raises `NotFound`.
    """
    with context.database.transaction() as session:
        user = _lock_another(session, name, own)
        detail = {"from": user.role, "to": str(role)}
        users.change(session, user, role=role)
        audit.record(session, actor=by, act="user.role_changed", subject="user", subject_id=user.id, detail=detail)
        return User.of(user)


def disable_user(context: Context, name: str, *, by: str, own: str | None = None) -> User:
    """Let a person in no more: their sessions and links end at once. Raises `NotFound`, or `Conflict` as above."""
    with context.database.transaction() as session:
        user = _lock_another(session, name, own)
        sign_ins.end_links(session, user.id)
        ended = sign_ins.revoke(session, user.id)
        users.change(session, user, disabled=True)
        audit.record(
            session, actor=by, act="user.disabled", subject="user", subject_id=user.id, detail={"sessions": ended}
        )
        return User.of(user)


def enable_user(context: Context, name: str, *, by: str) -> User:
    """Let a person in again, by a new link. Raises `NotFound`."""
    with context.database.transaction() as session:
        user = lock_user(session, name)
        users.change(session, user, disabled=False)
        audit.record(session, actor=by, act="user.enabled", subject="user", subject_id=user.id)
        return User.of(user)


def _lock_another(session: Session, name: str, own: str | None) -> Row:
    if own is not None and same_person(name, own):
        raise Conflict("own_user", "this is you: another admin does it")
    return lock_user(session, name)
