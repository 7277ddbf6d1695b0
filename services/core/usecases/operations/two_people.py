"""Acts that need two people: each proves with a token or a session of their own who they are (ADR 0017, 0029).

A name that is typed proves nobody, and a token or session that began a moment ago nobody but whoever let it begin: an
admin makes tokens and sign-in links for anybody.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.core.domain.access import Role, may, same_person
from services.core.domain.failures import RefusedInput
from services.core.domain.sign_in import SignInMethod
from services.core.storage import clock, passwords, tokens
from services.core.storage.database import Session
from services.core.storage.models import ApiToken, User, UserSession
from services.core.usecases.context import Context

KNOWN_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody was just let in by: the id of a live token, or of a live session."""

    token_id: int | None = None
    session_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Person:
    """`name` stands in the audit; `known_since` is when what proves the person was made."""

    name: str
    holder: str
    role: Role
    known_since: datetime


def agree(context: Context, own: str, second: str) -> tuple[str, str]:
    """From the tokens of who acts and of who agrees: the name to act by, and the other person's.

    Raises `RefusedInput` unless they are live, two people's, operators' at least, and both were made a day ago.
    """
    with context.database.reading() as session:
        return _agreed(session, _holder(_live(session, own)), _holder(_live(session, second)))


def agree_by_ids(context: Context, own: Proof, second: Proof) -> str:
    """The other person's name, from what was just found to be live. Raises `RefusedInput`."""
    with context.database.reading() as session:
        return _agreed(session, _proven(session, own), _proven(session, second))[1]


def _proven(session: Session, proof: Proof) -> _Person:
    if proof.session_id is None:
        return _holder(session.get_one(ApiToken, proof.token_id))
    begun = session.get_one(UserSession, proof.session_id)
    user = session.get_one(User, begun.user_id)
    known_since = begun.created_at
    if begun.method == SignInMethod.PASSWORD:  # which nobody else makes for them, as links are
        password = passwords.find(session, user.id, confirmed=True)
        known_since = password.confirmed_at or known_since if password is not None else known_since
    return _Person(user.name, user.name, Role(user.role), known_since)


def _holder(token: ApiToken) -> _Person:
    return _Person(token.name, token.holder, Role(token.role), token.created_at)


def _agreed(session: Session, own: _Person, second: _Person) -> tuple[str, str]:
    if same_person(own.holder, second.holder) or not all(may(each.role, Role.OPERATOR) for each in (own, second)):
        detail = "who agrees is another person than who acts, and both are operators at least"
        raise RefusedInput("second_person_refused", detail, status=403)
    known_since = clock.real_now(session) - KNOWN_AFTER
    for each in (own, second):
        if each.known_since > known_since:
            detail = (
                f"the token or session of {each.name!r} is less than a day old: until then it proves no second person"
            )
            raise RefusedInput("token_too_new", detail, status=403)
    return own.name, second.holder


def _live(session: Session, token: str) -> ApiToken:
    found = tokens.find_live(session, token)
    if found is None:
        detail = "a token is unknown, revoked or expired: ask an admin for another"
        raise RefusedInput("token_invalid", detail, status=401)
    return found
