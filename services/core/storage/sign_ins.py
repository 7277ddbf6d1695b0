"""One-time links and sessions: only their hashes are stored, and each is used up or ended by one statement."""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.orm import Session

from services.core.domain.sign_in import FRESH, IDLE_AT_MOST, LINK_VALID, SESSION_AT_MOST, SignInMethod
from services.core.storage.bulk import count_written
from services.core.storage.models import SignInLink, User, UserSession

RANDOM_BYTES = 32
TOUCHED_EVERY = timedelta(minutes=1)
REVOKED, EXPIRED, DISABLED, USED = "revoked", "expired", "disabled", "used"

ADDRESS_AT_MOST, AGENT_AT_MOST = 100, 300

ENDED = case(
    (User.disabled_at.is_not(None), DISABLED),
    (UserSession.revoked_at.is_not(None), REVOKED),
    (UserSession.created_at <= func.now() - SESSION_AT_MOST, EXPIRED),
    (UserSession.seen_at <= func.now() - IDLE_AT_MOST, EXPIRED),
)
"""Why a session is none any more; null while it is one."""


@dataclass(frozen=True, slots=True)
class Known:
    """A session that once was begun: whose it is, and why it ended if it did."""

    session_id: int
    user_id: int
    name: str
    role: str
    ended: str | None
    is_stale: bool
    """Whether it is time to note that it is in use."""
    is_fresh: bool
    """Whether the person has just signed in."""


@dataclass(frozen=True, slots=True)
class Used:
    """What became of a link that was shown: the person it lets in, or why it lets nobody in."""

    user: User
    refused: str | None


def hash_secret(secret: str) -> bytes:
    """What is stored of a code or a session's secret; both are random, so a plain digest can't be searched."""
    return hashlib.sha256(secret.encode()).digest()


def make_link(session: Session, user: User) -> tuple[str, datetime]:
    """Make a link's code and answer it, this once, with the time at which it ends."""
    code = secrets.token_urlsafe(RANDOM_BYTES)
    link = SignInLink(user_id=user.id, code_hash=hash_secret(code), expires_at=func.now() + LINK_VALID)
    session.add(link)
    session.flush()
    session.refresh(link)
    return code, link.expires_at


def use_link(session: Session, code_hash: bytes) -> Used | None:
    """Use a link up: of two who show it at once one gets in. `None` for a code that was never made."""
    user_id = session.scalar(select(SignInLink.user_id).where(SignInLink.code_hash == code_hash))
    if user_id is None:
        return None
    user = session.get_one(User, user_id, with_for_update={"read": True})  # first, as who disables them does
    link = session.scalars(select(SignInLink).where(SignInLink.code_hash == code_hash).with_for_update()).one()
    refused = session.scalar(
        select(
            case(
                (User.disabled_at.is_not(None), DISABLED),
                (SignInLink.used_at.is_not(None), USED),
                (SignInLink.expires_at <= func.now(), EXPIRED),
            )
        )
        .select_from(SignInLink)
        .join(User, User.id == SignInLink.user_id)
        .where(SignInLink.id == link.id)
    )
    if refused is None:
        link.used_at = func.now()
        session.flush()
    return Used(user, refused)


def end_links(session: Session, user_id: int) -> None:
    """Let none of a person's links open anything."""
    session.execute(
        update(SignInLink).where(SignInLink.user_id == user_id, SignInLink.used_at.is_(None)).values(used_at=func.now())
    )


def begin(session: Session, user_id: int, *, address: str, agent: str, method: SignInMethod = SignInMethod.LINK) -> str:
    """Begin a session and answer its secret, this once."""
    secret = secrets.token_urlsafe(RANDOM_BYTES)
    row = UserSession(
        user_id=user_id,
        secret_hash=hash_secret(secret),
        address=address[:ADDRESS_AT_MOST],
        agent=agent[:AGENT_AT_MOST],
        method=method,
    )
    session.add(row)
    session.flush()
    return secret


def find_known(session: Session, hashes: Collection[bytes]) -> dict[bytes, Known]:
    """The sessions, given by the hashes of their secrets, that were ever begun."""
    is_stale = UserSession.seen_at <= func.now() - TOUCHED_EVERY
    is_fresh = UserSession.created_at > func.now() - FRESH
    found = session.execute(
        select(UserSession.secret_hash, UserSession.id, User.id, User.name, User.role, ENDED, is_stale, is_fresh)
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.secret_hash.in_(hashes))
    )
    return {secret_hash: Known(*facts) for secret_hash, *facts in found}


def touch(session: Session, session_ids: Collection[int]) -> None:
    """Note that these are in use; one that ended in between stays so."""
    live = UserSession.revoked_at.is_(None) & (UserSession.seen_at > func.now() - IDLE_AT_MOST)
    session.execute(update(UserSession).where(UserSession.id.in_(session_ids), live).values(seen_at=func.now()))


def list_sessions(session: Session, user_id: int) -> Sequence[tuple[UserSession, str | None]]:
    """A person's sessions that are kept, newest first, each with why it ended if it did."""
    query = (
        select(UserSession, ENDED)
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.user_id == user_id)
        .order_by(UserSession.id.desc())
    )
    return [(row, ended) for row, ended in session.execute(query)]


def revoke(session: Session, user_id: int, *, session_id: int | None = None, but: int | None = None) -> int:
    """End a person's sessions, or the one that is named, or all `but` one; answers how many were ended by this."""
    chosen: ColumnElement[bool] = (UserSession.user_id == user_id) & UserSession.revoked_at.is_(None)
    if session_id is not None:
        chosen &= UserSession.id == session_id
    if but is not None:
        chosen &= UserSession.id != but
    return count_written(session, update(UserSession).where(chosen).values(revoked_at=func.now()))
