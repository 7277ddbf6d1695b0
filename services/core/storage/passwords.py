"""A person's password with its authenticator, and the codes that stand in for the authenticator."""

import secrets
from collections.abc import Iterable

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from services.core.storage.bulk import count_written
from services.core.storage.models import Password, RecoveryCode
from services.core.storage.sign_ins import hash_secret

CONFIRMED: ColumnElement[bool] = Password.confirmed_at.is_not(None)
RECOVERY_BYTES = 10


def find(session: Session, user_id: int, *, confirmed: bool, lock: bool = False) -> Password | None:
    """What the person signs in with; or, not confirmed, what they have chosen to."""
    query = select(Password).where(Password.user_id == user_id, CONFIRMED if confirmed else ~CONFIRMED)
    return session.scalar(query.with_for_update() if lock else query)


def choose(session: Session, user_id: int, *, password_hash: str, totp_secret: str) -> None:
    """Keep what a person wants to sign in with from now on; what they had goes on until it is confirmed."""
    session.execute(delete(Password).where(Password.user_id == user_id, ~CONFIRMED))
    session.add(Password(user_id=user_id, password_hash=password_hash, totp_secret=totp_secret))
    session.flush()


def confirm(session: Session, chosen: Password, *, step: int) -> None:
    """Put what was chosen in the place of what was."""
    session.execute(delete(Password).where(Password.user_id == chosen.user_id, CONFIRMED))
    chosen.confirmed_at = func.now()
    chosen.last_step = step
    session.flush()


def make_recovery_codes(session: Session, user_id: int, *, count: int) -> list[str]:
    """Make codes in place of those that were, and answer them, this once."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    codes = [_grouped(secrets.token_hex(RECOVERY_BYTES)) for _ in range(count)]
    session.add_all(RecoveryCode(user_id=user_id, code_hash=hash_secret(code)) for code in codes)
    session.flush()
    return codes


def use_recovery_code(session: Session, user_id: int, code: str) -> bool:
    """Use a code up; False for one that is unknown or was used before."""
    known = (RecoveryCode.user_id == user_id) & (RecoveryCode.code_hash == hash_secret(_plain(code)))
    used = update(RecoveryCode).where(known, RecoveryCode.used_at.is_(None)).values(used_at=func.now())
    return count_written(session, used) > 0


def recovery_codes_left(session: Session, user_id: int) -> int:
    query = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return session.scalar(query.select_from(RecoveryCode)) or 0


def _grouped(digits: str) -> str:
    return "-".join(_groups(digits))


def _plain(code: str) -> str:
    """As it was made, however a person types it."""
    return _grouped("".join(code.lower().replace("-", "").split()))


def _groups(digits: str) -> Iterable[str]:
    return (digits[at : at + 5] for at in range(0, len(digits), 5))
