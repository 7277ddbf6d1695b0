"""A password with an authenticator: chosen, confirmed by a code of it, and what a person signs in with from then on."""

from dataclasses import dataclass

from services.core.domain.access import same_person
from services.core.domain.failures import Conflict, RefusedInput
from services.core.domain.one_time_codes import address_to_scan, matching_step, new_secret
from services.core.domain.sign_in import (
    FAILED_CODES_AT_MOST,
    PASSWORD_AT_LEAST,
    PASSWORD_AT_MOST,
    RECOVERY_CODES,
    SignInMethod,
)
from services.core.runtime.passwords import hash_password, is_password
from services.core.storage import audit, clock, passwords, sign_ins, users
from services.core.storage.database import Session
from services.core.storage.models import Password, User
from services.core.usecases.context import Context
from services.core.usecases.users.sessions import DISABLED, Entered, NotEntered

WRONG, LOCKED = "wrong", "locked"


@dataclass(frozen=True, slots=True)
class ToScan:
    """The authenticator's secret, to type, and the address that a picture of it holds."""

    secret: str
    address: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """How a person signs in: by a password, or by links alone; and how many recovery codes are left."""

    has_password: bool
    recovery_codes: int


def show_sign_in(context: Context, user_id: int) -> SignIn:
    with context.database.reading() as session:
        has_password = passwords.find(session, user_id, confirmed=True) is not None
        return SignIn(has_password, passwords.recovery_codes_left(session, user_id))


def choose_password(context: Context, user_id: int, password: str, *, name: str) -> ToScan:
    """Keep a password and a new authenticator's secret until they are confirmed; what was goes on until then.

    Raises `RefusedInput` for a password that is too short, too long or the person's own name.
    """
    if not PASSWORD_AT_LEAST <= len(password) <= PASSWORD_AT_MOST or same_person(password, name):
        detail = f"a password has {PASSWORD_AT_LEAST} to {PASSWORD_AT_MOST} characters, and is not your name"
        raise RefusedInput("password_invalid", detail, pointer="/password")
    secret, password_hash = new_secret(), hash_password(password)
    with context.database.transaction() as session:
        session.get_one(User, user_id, with_for_update=True)
        passwords.choose(session, user_id, password_hash=password_hash, totp_secret=secret)
        return ToScan(secret, address_to_scan(secret, name))


def chosen(context: Context, user_id: int, *, name: str) -> ToScan | None:
    """What a person chose and has not confirmed yet."""
    with context.database.reading() as session:
        row = passwords.find(session, user_id, confirmed=False)
        return ToScan(row.totp_secret, address_to_scan(row.totp_secret, name)) if row is not None else None


def confirm_password(context: Context, user_id: int, code: str, *, session_id: int) -> list[str]:
    """Put what was chosen in force by a code of its authenticator; answers the recovery codes, this once.

    The person's other sessions and all their links end. Raises `Conflict` when nothing was chosen, `RefusedInput` for
    a wrong code.
    """
    with context.database.transaction() as session:
        user = session.get_one(User, user_id, with_for_update=True)
        row = passwords.find(session, user_id, confirmed=False, lock=True)
        if row is None:
            raise Conflict("nothing_chosen", "choose a password first", pointer="/code")
        step = matching_step(row.totp_secret, code, clock.real_now(session), after=None)
        if step is None:
            detail = "this is not the code that your authenticator shows now: check your phone's clock"
            raise RefusedInput("code_wrong", detail, pointer="/code")
        passwords.confirm(session, row, step=step)
        codes = passwords.make_recovery_codes(session, user_id, count=RECOVERY_CODES)
        sign_ins.end_links(session, user_id)
        ended = sign_ins.revoke(session, user_id, but=session_id)
        facts = {"sessions": ended}
        audit.record(
            session, actor=user.name, act="user.password_set", subject="user", subject_id=user_id, detail=facts
        )
        return codes


def enter_by_password(
    context: Context, name: str, password: str, code: str, *, address: str, agent: str
) -> Entered | NotEntered:
    """Begin a session for who knows the password and has the authenticator, or one of its recovery codes.

    Takes as long for a name that nobody has. Blocks for a moment of one processor: see `runtime.passwords`.
    """
    with context.database.reading() as session:
        user = users.find(session, name)
        row = passwords.find(session, user.id, confirmed=True) if user is not None else None
        known = (row.id, row.password_hash) if row is not None else None
    is_right = is_password(known[1] if known is not None else None, password)
    if user is None:
        return NotEntered(WRONG)
    if known is None or not is_right:
        return NotEntered(WRONG, user.id, user.name)
    with context.database.transaction() as session:
        locked = session.get_one(User, user.id, with_for_update={"read": True})
        row = passwords.find(session, user.id, confirmed=True, lock=True)
        if row is None or row.id != known[0]:
            return NotEntered(WRONG, user.id, user.name)
        if locked.disabled_at is not None:
            return NotEntered(DISABLED, user.id, user.name)
        if row.failed_codes >= FAILED_CODES_AT_MOST:
            return NotEntered(LOCKED, user.id, user.name)
        if not _is_second_factor(session, row, code):
            row.failed_codes += 1
            return NotEntered(WRONG, user.id, user.name)
        row.failed_codes = 0
        secret = sign_ins.begin(session, user.id, address=address, agent=agent, method=SignInMethod.PASSWORD)
        detail = {"by": str(SignInMethod.PASSWORD)}
        audit.record(session, actor=user.name, act="user.entered", subject="user", subject_id=user.id, detail=detail)
        return Entered(user.name, secret)


def _is_second_factor(session: Session, row: Password, code: str) -> bool:
    step = matching_step(row.totp_secret, code, clock.real_now(session), after=row.last_step)
    if step is not None:
        row.last_step = step
        return True
    return passwords.use_recovery_code(session, row.user_id, code)
