"""Acts that need two people: each proves with a token of their own who they are (ADR 0017).

A name that is typed proves nobody, and a token that was made a moment ago nobody but its maker.
"""

from datetime import timedelta

from services.core.domain.access import Role, may, same_person
from services.core.domain.failures import RefusedInput
from services.core.storage import clock, tokens
from services.core.storage.database import Session
from services.core.storage.models import ApiToken
from services.core.usecases.context import Context

KNOWN_AFTER = timedelta(hours=24)


def agree(context: Context, own: str, second: str) -> tuple[str, str]:
    """From the tokens of who acts and of who agrees: the name to act by, and the other person's.

    Raises `RefusedInput` unless they are live, two people's, operators' at least, and both were made a day ago.
    """
    with context.database.reading() as session:
        return _agreed(session, _live(session, own), _live(session, second))


def agree_by_ids(context: Context, own: int, second: int) -> str:
    """The other person's name, from the ids of tokens that were just found to be live. Raises `RefusedInput`."""
    with context.database.reading() as session:
        return _agreed(session, session.get_one(ApiToken, own), session.get_one(ApiToken, second))[1]


def _agreed(session: Session, own: ApiToken, second: ApiToken) -> tuple[str, str]:
    if same_person(own.holder, second.holder) or not all(may(Role(each.role), Role.OPERATOR) for each in (own, second)):
        detail = "who agrees is another person than who acts, and both are operators at least"
        raise RefusedInput("second_person_refused", detail, status=403)
    known_since = clock.real_now(session) - KNOWN_AFTER
    for token in (own, second):
        if token.created_at > known_since:
            detail = f"the token {token.name!r} was made less than a day ago: until then it proves no second person"
            raise RefusedInput("token_too_new", detail, status=403)
    return own.name, second.holder


def _live(session: Session, token: str) -> ApiToken:
    found = tokens.find_live(session, token)
    if found is None:
        detail = "a token is unknown, revoked or expired: ask an admin for another"
        raise RefusedInput("token_invalid", detail, status=401)
    return found
