"""People who sign in to the console."""

from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.output import listing
from services.cli.verb import LARGEST_ID, SOMEBODY, By, verb
from services.core.domain.access import Role

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views import users as views
    from services.core.views.values import Page

group = typer.Typer(help="Who may sign in to the console.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(show_default=False)]
ROLE_HELP = "Each can do what the one before it can."


@verb(group, "invite")
def invite_(
    context: "Context",
    name: Name,
    role: Annotated[Role, typer.Option("--role", help=ROLE_HELP)] = Role.VIEWER,
    by: By = SOMEBODY,
) -> "views.SignInLink":
    """Let somebody in: prints a link that opens the console once, within ten minutes.

    Example: attackacrack users invite "Maria Lopez" --role operator
    """
    from services.core.usecases.users.invite import invite

    return invite(context, name, role=role, by=by)


@verb(group, "link")
def link(context: "Context", name: Name, by: By = SOMEBODY) -> "views.SignInLink":
    """Print another link for somebody who was invited before.

    Example: attackacrack users link "Maria Lopez"
    """
    from services.core.usecases.users.invite import link_user

    return link_user(context, name, by=by)


@verb(group, "list", show=listing("user_id", "name", "role", "created_at", "disabled_at"))
def list_(context: "Context") -> "Page[views.User]":
    """Everybody who may sign in, or could.

    Example: attackacrack users list
    """
    from services.core.usecases.users.find import list_users

    return list_users(context)


@verb(group, "change-role")
def change_role_(
    context: "Context",
    name: Name,
    role: Annotated[Role, typer.Option("--role", help=ROLE_HELP, show_default=False)],
    by: By = SOMEBODY,
) -> "views.User":
    """Give somebody another role, in force at their next request.

    Example: attackacrack users change-role "Maria Lopez" --role admin
    """
    from services.core.usecases.users.change import change_role

    return change_role(context, name, role=role, by=by)


@verb(group, "disable")
def disable(context: "Context", name: Name, by: By = SOMEBODY) -> "views.User":
    """Let somebody in no more: sessions and links end at once.

    Example: attackacrack users disable "Maria Lopez"
    """
    from services.core.usecases.users.change import disable_user

    return disable_user(context, name, by=by)


@verb(group, "enable")
def enable(context: "Context", name: Name, by: By = SOMEBODY) -> "views.User":
    """Let somebody in again; they need a new link.

    Example: attackacrack users enable "Maria Lopez"
    """
    from services.core.usecases.users.change import enable_user

    return enable_user(context, name, by=by)


@verb(group, "sessions", show=listing("session_id", "name", "address", "agent", "created_at", "seen_at", "ended"))
def sessions(context: "Context", name: Name) -> "Page[views.UserSession]":
    """The browsers that somebody signed in with, newest first.

    Example: attackacrack users sessions "Maria Lopez"
    """
    from services.core.usecases.users.find import list_sessions

    return list_sessions(context, name)


@verb(group, "end-sessions")
def end_sessions(
    context: "Context",
    name: Name,
    session_id: Annotated[
        int | None,
        typer.Option("--session", min=1, max=LARGEST_ID, help="Only this one.", show_default="all of them"),
    ] = None,
    by: By = SOMEBODY,
) -> "views.EndedSessions":
    """Sign somebody out of one browser, or of all.

    Example: attackacrack users end-sessions "Maria Lopez" --session 12
    """
    from services.core.usecases.users.sessions import revoke_sessions

    return revoke_sessions(context, name, session_id=session_id, by=by)
