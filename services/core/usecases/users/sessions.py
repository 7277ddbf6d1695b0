"""A browser's session: begun by a one-time link, ended by its person or by an admin."""

from dataclasses import dataclass

from services.core.domain.failures import NotFound
from services.core.domain.sign_in import SignInMethod
from services.core.storage import audit, sign_ins
from services.core.storage.sign_ins import DISABLED, EXPIRED, USED
from services.core.usecases.context import Context
from services.core.usecases.users.people import lock_user
from services.core.views.users import EndedSessions

__all__ = ["DISABLED", "EXPIRED", "USED", "Entered", "NotEntered", "enter", "leave", "revoke_sessions"]


@dataclass(frozen=True, slots=True)
class Entered:
    """`secret` is what the browser keeps; it can't be read again."""

    name: str
    secret: str


@dataclass(frozen=True, slots=True)
class NotEntered:
    """Why a code let nobody in: it is unknown, or it was this person's."""

    reason: str
    user_id: int | None = None
    name: str | None = None


def enter(context: Context, code_hash: bytes, *, address: str, agent: str) -> Entered | NotEntered:
    """Use up a link, and begin a session for its person."""
    with context.database.transaction() as session:
        used = sign_ins.use_link(session, code_hash)
        if used is None:
            return NotEntered("unknown")
        user = used.user
        if used.refused is not None:
            return NotEntered(used.refused, user.id, user.name)
        secret = sign_ins.begin(session, user.id, address=address, agent=agent)
        detail = {"by": str(SignInMethod.LINK)}
        audit.record(session, actor=user.name, act="user.entered", subject="user", subject_id=user.id, detail=detail)
        return Entered(user.name, secret)


def leave(context: Context, *, user_id: int, session_id: int, by: str) -> None:
    """End the session that somebody acts in."""
    with context.database.transaction() as session:
        if sign_ins.revoke(session, user_id, session_id=session_id):
            audit.record(session, actor=by, act="user.left", subject="user", subject_id=user_id)


def revoke_sessions(context: Context, name: str, *, session_id: int | None = None, by: str) -> EndedSessions:
    """End all sessions of a person, or the one that is named. Raises `NotFound` for a person or a live session."""
    with context.database.transaction() as session:
        user = lock_user(session, name)
        ended = sign_ins.revoke(session, user.id, session_id=session_id)
        if session_id is not None and not ended:
            raise NotFound("live session", session_id)
        detail = {"sessions": ended, "session_id": session_id}
        audit.record(session, actor=by, act="user.sessions_ended", subject="user", subject_id=user.id, detail=detail)
        return EndedSessions(user_id=user.id, name=user.name, ended=ended)
