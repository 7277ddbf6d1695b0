"""Tokens of this API: made, listed and revoked by admins; the secret itself is answered once."""

from typing import Annotated

from fastapi import Path

from services.console.dependencies import By, InContext, requires
from services.console.endpoints import api_router, verb
from services.console.shapes import Page
from services.core.domain.access import Role
from services.core.usecases.operations import tokens
from services.core.views import tokens as views
from services.core.views.values import Page as Listed

router = api_router()

TokenName = Annotated[str, Path(pattern=r"^[^\x00-\x1f\x7f]{1,100}$")]


@router.get(
    "/tokens", response_model=Page[views.Token], dependencies=[requires(Role.ADMIN)], openapi_extra=verb("tokens list")
)
def list_tokens(context: InContext) -> Listed[views.Token]:
    """Every token, revoked ones too, without the secrets."""
    return tokens.list_tokens(context)


@router.post(
    "/tokens",
    status_code=201,
    dependencies=[requires(Role.ADMIN)],
    openapi_extra=verb("tokens create", keeps_answer=False),
)
def create_token(context: InContext, by: By, new: views.WantedToken) -> views.NewToken:
    """Make a token; keep it now, it is never shown again."""
    return tokens.create_token(context, name=new.name, role=new.role, valid_for=new.valid_for, person=new.person, by=by)


@router.post("/tokens/{name}/revoke", dependencies=[requires(Role.ADMIN)], openapi_extra=verb("tokens revoke"))
def revoke_token(context: InContext, by: By, name: TokenName) -> views.Token:
    """End a token at once."""
    return tokens.revoke_token(context, name, by=by, own=by)
