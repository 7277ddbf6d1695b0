"""Answers kept by the key that a client gave its request, so that a repeated request is answered alike."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, literal_column, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.core.storage.models import IdempotencyKey


@dataclass(frozen=True, slots=True)
class KeyClaim:
    """A key as it stands: ours to answer (`is_ours`), in other hands (no `status_code`), or answered."""

    key_id: int
    is_ours: bool
    request_hash: bytes
    status_code: int | None
    response: dict[str, Any] | None


def claim(
    session: Session,
    *,
    key: str,
    request_hash: bytes,
    abandoned_after: timedelta,
    token_id: int | None = None,
    user_id: int | None = None,
) -> KeyClaim:
    """Take the key for this request, or say how it stands; one that never got its answer is taken over.

    The key is the token's or the person's, of which one is named.
    """
    owner = "token_id" if token_id is not None else "user_id"
    row = session.execute(
        insert(IdempotencyKey)
        .values(token_id=token_id, user_id=user_id, key=key, request_hash=request_hash)
        .on_conflict_do_update(index_elements=[owner, "key"], set_={"key": key})
        .returning(
            IdempotencyKey.id,
            IdempotencyKey.request_hash,
            IdempotencyKey.status_code,
            IdempotencyKey.response,
            (IdempotencyKey.created_at < func.product_now() - abandoned_after).label("is_old"),
            literal_column("xmax = 0").label("is_new"),
        )
    ).one()
    is_ours = bool(row.is_new)
    if row.status_code is None and row.is_old and row.request_hash == request_hash:
        session.execute(update(IdempotencyKey).where(IdempotencyKey.id == row.id).values(created_at=func.product_now()))
        is_ours = True
    return KeyClaim(row.id, is_ours, row.request_hash, row.status_code, row.response)


def answer(session: Session, key_id: int, *, status_code: int, response: dict[str, Any]) -> None:
    """Keep the answer of a claimed key."""
    session.execute(
        update(IdempotencyKey).where(IdempotencyKey.id == key_id).values(status_code=status_code, response=response)
    )


def release(session: Session, key_id: int) -> None:
    """Forget a claimed key: nothing was done under it, so the same request may come again."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.id == key_id, IdempotencyKey.status_code.is_(None)))
