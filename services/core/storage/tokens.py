"""API tokens: only their hashes are stored, so a copy of the database opens nothing."""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from datetime import timedelta

from sqlalchemy import case, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.core.storage.models import ApiToken

REVOKED, EXPIRED = "revoked", "expired"

PREFIX = "aac_"
RANDOM_BYTES = 32


def hash_token(token: str) -> bytes:
    """What is stored of a token; it is random, so a plain digest can't be searched backwards."""
    return hashlib.sha256(token.encode()).digest()


def create(
    session: Session, *, name: str, role: str, valid_for: timedelta | None = None, person: str | None = None
) -> str:
    """Make a token and answer it, this once; it ends after `valid_for` of real time. Without `person` the name is."""
    token = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    expires_at = func.now() + valid_for if valid_for is not None else None
    session.add(ApiToken(name=name, role=role, token_hash=hash_token(token), expires_at=expires_at, person=person))
    session.flush()
    return token


def ensure(session: Session, token: str, *, name: str, role: str) -> None:
    """Let a token that somebody else made be valid under this name."""
    values = {"name": name, "role": role, "token_hash": hash_token(token)}
    session.execute(
        insert(ApiToken)
        .values(**values)
        .on_conflict_do_update(index_elements=["name"], set_=values | {"revoked_at": None, "expires_at": None})
    )


def find_live(session: Session, token: str) -> ApiToken | None:
    """The token's row unless it is unknown, revoked or expired."""
    return next((row for row, ended in find_known(session, [hash_token(token)]) if ended is None), None)


def find_known(session: Session, hashes: Collection[bytes]) -> Sequence[tuple[ApiToken, str | None]]:
    """The rows of those tokens, given by their hashes, that were ever made; `REVOKED` or `EXPIRED` if they ended."""
    ended = case((ApiToken.revoked_at.is_not(None), REVOKED), (ApiToken.expires_at <= func.now(), EXPIRED))
    found = session.execute(select(ApiToken, ended).where(ApiToken.token_hash.in_(hashes)))
    return [(row, reason) for row, reason in found]


def find_named(session: Session, name: str) -> ApiToken | None:
    return session.scalar(select(ApiToken).where(ApiToken.name == name))


def revoke(session: Session, name: str) -> bool:
    """End a token at once; False when none of that name is live."""
    revoked = session.scalar(
        update(ApiToken)
        .where(ApiToken.name == name, ApiToken.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(ApiToken.id)
    )
    return revoked is not None


def list_all(session: Session) -> Sequence[ApiToken]:
    return session.scalars(select(ApiToken).order_by(ApiToken.id)).all()
