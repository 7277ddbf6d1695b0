"""People who sign in to the console: invited, changed and let in no more by admins."""

from typing import Annotated

from fastapi import Path

from services.console.endpoints import By, Endpoint, InContext
from services.console.shapes import Page
from services.core.domain.access import Role
from services.core.usecases.users import change, find, invite, sessions
from services.core.views import users as views
from services.core.views.values import Page as Listed

UserName = Annotated[str, Path(pattern=r"^[^\x00-\x1f\x7f]{1,100}$")]


def list_users(context: InContext) -> Listed[views.User]:
    """Everybody who may sign in, or could."""
    return find.list_users(context)


def invite_user(context: InContext, by: By, new: views.Invite) -> views.SignInLink:
    """Make a person and the one-time link that they enter by; hand it on now, it is never shown again."""
    return invite.invite(context, new.name, role=new.role, by=by)


def link_user(context: InContext, by: By, name: UserName) -> views.SignInLink:
    """Make a person another one-time link."""
    return invite.link_user(context, name, by=by)


def change_user_role(context: InContext, by: By, name: UserName, wanted: views.ChangeRole) -> views.User:
    """Give a person another role, in force at their next request."""
    return change.change_role(context, name, role=wanted.role, by=by, own=by)


def disable_user(context: InContext, by: By, name: UserName) -> views.User:
    """Let a person in no more; sessions and links end at once."""
    return change.disable_user(context, name, by=by, own=by)


def enable_user(context: InContext, by: By, name: UserName) -> views.User:
    """Let a person in again, by a new link."""
    return change.enable_user(context, name, by=by)


def list_user_sessions(context: InContext, name: UserName) -> Listed[views.UserSession]:
    """The browsers that a person signed in with, newest first."""
    return find.list_sessions(context, name)


def end_user_sessions(context: InContext, by: By, name: UserName, wanted: views.EndSessions) -> views.EndedSessions:
    """End all sessions of a person, or the one that is named."""
    return sessions.revoke_sessions(context, name, session_id=wanted.session_id, by=by)


ENDPOINTS = (
    Endpoint(
        verb="users list", method="GET", path="/users", role=Role.ADMIN, handler=list_users, answer=Page[views.User]
    ),
    Endpoint(
        verb="users invite",
        method="POST",
        path="/users",
        role=Role.ADMIN,
        handler=invite_user,
        answer=views.SignInLink,
        status=201,
        keeps_answer=False,
    ),
    Endpoint(
        verb="users link",
        method="POST",
        path="/users/{name}/link",
        role=Role.ADMIN,
        handler=link_user,
        answer=views.SignInLink,
        status=201,
        keeps_answer=False,
    ),
    *(
        Endpoint(
            verb=f"users {verb}",
            method="POST",
            path=f"/users/{{name}}/{verb}",
            role=Role.ADMIN,
            handler=handler,
            answer=views.User,
        )
        for verb, handler in (("change-role", change_user_role), ("disable", disable_user), ("enable", enable_user))
    ),
    Endpoint(
        verb="users sessions",
        method="GET",
        path="/users/{name}/sessions",
        role=Role.ADMIN,
        handler=list_user_sessions,
        answer=Page[views.UserSession],
    ),
    Endpoint(
        verb="users end-sessions",
        method="POST",
        path="/users/{name}/end-sessions",
        role=Role.ADMIN,
        handler=end_user_sessions,
        answer=views.EndedSessions,
    ),
)
