"""API tokens: only their hashes are stored, so a copy of the database opens nothing."""

import hashlib
import secrets
from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.core.storage.models import ApiToken

PREFIX = "aac_"
RANDOM_BYTES = 32


def hash_token(token: str) -> bytes:
    """What is stored of a token; it is random, so a plain digest can't be searched backwards."""
    return hashlib.sha256(token.encode()).digest()


def create(session: Session, *, name: str, role: str) -> str:
    """Make a token and answer it, this once."""
    token = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    session.add(ApiToken(name=name, role=role, token_hash=hash_token(token)))
    session.flush()
    return token


def ensure(session: Session, token: str, *, name: str, role: str) -> None:
    """Let a token that somebody else made be valid under this name."""
    values = {"name": name, "role": role, "token_hash": hash_token(token)}
    session.execute(
        insert(ApiToken)
        .values(**values)
        .on_conflict_do_update(index_elements=["name"], set_=values | {"revoked_at": None})
    )


def find_live(session: Session, token: str) -> ApiToken | None:
    """The token's row unless it is unknown or revoked."""
    return session.scalar(
        select(ApiToken).where(ApiToken.token_hash == hash_token(token), ApiToken.revoked_at.is_(None))
    )


def find_named(session: Session, name: str) -> ApiToken | None:
    return session.scalar(select(ApiToken).where(ApiToken.name == name))


def revoke(session: Session, name: str) -> bool:
    """End a token at once; False when none of that name is live."""
    revoked = session.scalar(
        update(ApiToken)
        .where(ApiToken.name == name, ApiToken.revoked_at.is_(None))
        .values(revoked_at=func.product_now())
        .returning(ApiToken.id)
    )
    return revoked is not None


def list_all(session: Session) -> Sequence[ApiToken]:
    return session.scalars(select(ApiToken).order_by(ApiToken.id)).all()
