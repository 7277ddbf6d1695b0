"""Tokens of the API: made, listed and revoked; a token is shown once, when it is made."""

from datetime import timedelta

from services.core.domain.access import Role
from services.core.domain.failures import Conflict, NotFound, RefusedInput
from services.core.storage import audit, tokens
from services.core.storage.unique import unless_taken
from services.core.usecases.context import Context
from services.core.views.tokens import NewToken, Token
from services.core.views.values import Page

NAME_AT_MOST = 100
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=3653)


def create_token(
    context: Context,
    *,
    name: str,
    role: Role,
    by: str,
    valid_for: timedelta | None = None,
    person: str | None = None,
) -> NewToken:
    """Make a token for a person, the one whom `name` names unless said; without `valid_for` it never ends by itself.

    Raises `RefusedInput` for a bad name or duration, `Conflict` for a name that was used before.
    """
    for field, value in (("name", name), ("person", name if person is None else person)):
        if not value.strip() or len(value) > NAME_AT_MOST or not value.isprintable():
            remedy = f"a name has 1 to {NAME_AT_MOST} printable characters"
            raise RefusedInput("name_invalid", remedy, pointer=f"/{field}")
    if valid_for is not None and not SHORTEST <= valid_for <= LONGEST:
        remedy = "a token is valid for a minute to ten years: write it as PT8H or P90D"
        raise RefusedInput("valid_for_invalid", remedy, pointer="/valid_for")
    with context.database.transaction() as session:
        taken = Conflict("name_taken", f"a token {name!r} was made before: choose another name", pointer="/name")
        with unless_taken(session, taken):
            token = tokens.create(session, name=name, role=role, valid_for=valid_for, person=person)
        detail = {"name": name, "role": str(role), "person": person or name}
        audit.record(session, actor=by, act="token.created", subject="token", detail=detail)
        return NewToken(name=name, person=person or name, role=role, token=token)


def list_tokens(context: Context) -> Page[Token]:
    with context.database.reading() as session:
        return Page(items=[Token.of(row) for row in tokens.list_all(session)], next=None)


def revoke_token(context: Context, name: str, *, by: str, own: str | None = None) -> Token:
    """End a token at once. Raises `NotFound` when no live one has the name.

    `own` names the token that whoever acts has come with: ending it is a `Conflict`, since nobody may be left.
    """
    if name == own:
        raise Conflict("own_token", "this is the token that you act with: end it with another admin's")
    with context.database.transaction() as session:
        if not tokens.revoke(session, name):
            raise NotFound("live token", name)
        audit.record(session, actor=by, act="token.revoked", subject="token", detail={"name": name})
        row = tokens.find_named(session, name)
        if row is None:
            raise NotFound("live token", name)
        session.refresh(row)
        return Token.of(row)
