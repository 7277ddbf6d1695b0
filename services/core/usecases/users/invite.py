"""Let somebody into the console: a person is made and entered by a one-time link."""

from services.core.domain.access import Role
from services.core.domain.failures import Conflict
from services.core.storage import audit, sign_ins, users
from services.core.storage.database import Session
from services.core.storage.models import User
from services.core.storage.unique import unless_taken
from services.core.usecases.context import Context
from services.core.usecases.users.people import check_name, lock_user
from services.core.views.users import SignInLink


def invite(context: Context, name: str, *, role: Role, by: str) -> SignInLink:
    """Make a person, and the link that they enter by.

    Raises `RefusedInput` for a bad name, `Conflict` for one that a person has or had in any spelling.
    """
    check_name(name, pointer="/name")
    detail = f"there is a user {name!r}: users link makes them another link"
    with context.database.transaction() as session:
        with unless_taken(session, Conflict("name_taken", detail, pointer="/name")):
            user = users.add(session, name=name, role=role)
        audit.record(
            session, actor=by, act="user.invited", subject="user", subject_id=user.id, detail={"role": str(role)}
        )
        return _linked(context, session, user)


def link_user(context: Context, name: str, *, by: str) -> SignInLink:
    """Make a person another link. Raises `NotFound`, or `Conflict` for who is let in no more."""
    with context.database.transaction() as session:
        user = lock_user(session, name)
        if user.disabled_at is not None:
            raise Conflict("user_disabled", f"{user.name} is let in no more: users enable lets them in again")
        audit.record(session, actor=by, act="user.linked", subject="user", subject_id=user.id)
        return _linked(context, session, user)


def _linked(context: Context, session: Session, user: User) -> SignInLink:
    code, expires_at = sign_ins.make_link(session, user)
    link = f"{context.settings.console_url.rstrip('/')}/enter?code={code}"
    return SignInLink(user_id=user.id, name=user.name, role=Role(user.role), link=link, expires_at=expires_at)
