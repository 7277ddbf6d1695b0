"""Tokens of the API."""

from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.output import listing
from services.cli.verb import SOMEBODY, By, verb
from services.core.domain.access import Role

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views import tokens as views
    from services.core.views.values import Page

group = typer.Typer(help="Who may use the API.", no_args_is_help=True)


@verb(group, "create")
def create(
    context: "Context",
    name: Annotated[str, typer.Argument(show_default=False)],
    role: Annotated[Role, typer.Option("--role", help="Each can do what the one before it can.")] = Role.VIEWER,
    valid_for: Annotated[
        str | None, typer.Option("--valid-for", help="As P90D.", show_default="until it is revoked")
    ] = None,
    person: Annotated[
        str | None, typer.Option("--person", help="Who holds it.", show_default="whom the name names")
    ] = None,
    by: By = SOMEBODY,
) -> "views.NewToken":
    """Make a token; it is shown this once, only its hash is kept.

    Example: attackacrack tokens create office --person "Maria Lopez" --role operator
    """
    from services.cli.values import read_duration
    from services.core.usecases.operations.tokens import create_token

    duration = read_duration(valid_for) if valid_for is not None else None
    return create_token(context, name=name, role=role, valid_for=duration, person=person, by=by)


@verb(group, "list", show=listing("token_id", "name", "person", "role", "created_at", "expires_at", "revoked_at"))
def list_(context: "Context") -> "Page[views.Token]":
    """Tokens by name and role, never the tokens themselves.

    Example: attackacrack tokens list
    """
    from services.core.usecases.operations.tokens import list_tokens

    return list_tokens(context)


@verb(group, "revoke")
def revoke(
    context: "Context", name: Annotated[str, typer.Argument(show_default=False)], by: By = SOMEBODY
) -> "views.Token":
    """End a token at once.

    Example: attackacrack tokens revoke office
    """
    from services.core.usecases.operations.tokens import revoke_token

    return revoke_token(context, name, by=by)
