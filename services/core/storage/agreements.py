"""Codes by which one person agrees to what another does: hashes only, each good once."""

import secrets
from datetime import datetime

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from services.core.domain.sign_in import LINK_VALID
from services.core.storage.models import Agreement, ApiToken, User, UserSession
from services.core.storage.sign_ins import ENDED, RANDOM_BYTES, hash_secret


def make(
    session: Session, *, token_id: int | None = None, session_id: int | None = None
) -> tuple[str, datetime, Agreement]:
    """Make a code of who was let in by the token or the session; answers it, this once, and when it ends."""
    code = secrets.token_urlsafe(RANDOM_BYTES)
    row = Agreement(
        token_id=token_id, session_id=session_id, code_hash=hash_secret(code), expires_at=func.now() + LINK_VALID
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    return code, row.expires_at, row


def use(session: Session, code_hash: bytes) -> Agreement | None:
    """Use a code up; `None` for one that is unknown, used or old, or of somebody who is let in no more."""
    live = (Agreement.code_hash == code_hash) & Agreement.used_at.is_(None) & (Agreement.expires_at > func.now())
    row = session.scalar(update(Agreement).where(live).values(used_at=func.now()).returning(Agreement))
    if row is None:
        return None
    if row.token_id is not None:
        token_ended = case(
            (ApiToken.revoked_at.is_not(None), "revoked"), (ApiToken.expires_at <= func.now(), "expired")
        )
        ended = session.scalar(select(token_ended).where(ApiToken.id == row.token_id))
    else:
        query = select(ENDED).select_from(UserSession).join(User, User.id == UserSession.user_id)
        ended = session.scalar(query.where(UserSession.id == row.session_id))
    return row if ended is None else None
