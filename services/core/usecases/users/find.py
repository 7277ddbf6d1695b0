"""Who is let in, and the browsers they are signed in with."""

from services.core.domain.failures import NotFound
from services.core.storage import sign_ins, users
from services.core.usecases.context import Context
from services.core.views.users import User, UserSession
from services.core.views.values import Page


def list_users(context: Context) -> Page[User]:
    """Every person, also those who are let in no more."""
    with context.database.reading() as session:
        return Page(items=[User.of(row) for row in users.list_all(session)], next=None)


def list_sessions(context: Context, name: str) -> Page[UserSession]:
    """A person's sessions of the last three months, newest first. Raises `NotFound`."""
    with context.database.reading() as session:
        user = users.find(session, name)
        if user is None:
            raise NotFound("user", name)
        found = sign_ins.list_sessions(session, user.id)
        return Page(items=[UserSession.of(row, name=user.name, ended=ended) for row, ended in found], next=None)
