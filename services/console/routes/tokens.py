"""Tokens of this API: made, listed and revoked by admins; the secret itself is answered once."""

from typing import Annotated

from fastapi import Path

from services.console.endpoints import By, Endpoint, InContext
from services.console.shapes import Page
from services.core.domain.access import Role
from services.core.usecases.operations import tokens
from services.core.views import tokens as views
from services.core.views.values import Page as Listed

TokenName = Annotated[str, Path(pattern=r"^[^\x00-\x1f\x7f]{1,100}$")]


def list_tokens(context: InContext) -> Listed[views.Token]:
    """Every token, revoked ones too, without the secrets."""
    return tokens.list_tokens(context)


def create_token(context: InContext, by: By, new: views.WantedToken) -> views.NewToken:
    """Make a token; keep it now, it is never shown again."""
    return tokens.create_token(context, name=new.name, role=new.role, valid_for=new.valid_for, person=new.person, by=by)


def revoke_token(context: InContext, by: By, name: TokenName) -> views.Token:
    """End a token at once."""
    return tokens.revoke_token(context, name, by=by, own=by)


ENDPOINTS = (
    Endpoint(
        verb="tokens list",
        method="GET",
        path="/tokens",
        role=Role.ADMIN,
        handler=list_tokens,
        answer=Page[views.Token],
    ),
    Endpoint(
        verb="tokens create",
        method="POST",
        path="/tokens",
        role=Role.ADMIN,
        handler=create_token,
        answer=views.NewToken,
        status=201,
        keeps_answer=False,
    ),
    Endpoint(
        verb="tokens revoke",
        method="POST",
        path="/tokens/{name}/revoke",
        role=Role.ADMIN,
        handler=revoke_token,
        answer=views.Token,
    ),
)
