"""People who sign in to the console: invited, changed and let in no more by admins."""

from typing import Annotated

from fastapi import Path

from services.console.dependencies import By, Caller, InContext, requires
from services.console.endpoints import api_router, verb
from services.console.shapes import Page
from services.core.domain.access import Role
from services.core.usecases.operations.two_people import Proof
from services.core.usecases.users import agree as agreement
from services.core.usecases.users import change, find, invite, sessions
from services.core.views import users as views
from services.core.views.values import Page as Listed

router = api_router()

UserName = Annotated[str, Path(pattern=r"^[^\x00-\x1f\x7f]{1,100}$")]


@router.get(
    "/users", response_model=Page[views.User], dependencies=[requires(Role.ADMIN)], openapi_extra=verb("users list")
)
def list_users(context: InContext) -> Listed[views.User]:
    """Everybody who may sign in, or could."""
    return find.list_users(context)


@router.post(
    "/users",
    status_code=201,
    dependencies=[requires(Role.ADMIN)],
    openapi_extra=verb("users invite", keeps_answer=False),
)
def invite_user(context: InContext, by: By, new: views.Invite) -> views.SignInLink:
    """Make a person and the one-time link that they enter by; hand it on now, it is never shown again."""
    return invite.invite(context, new.name, role=new.role, by=by)


@router.post(
    "/users/{name}/link",
    status_code=201,
    dependencies=[requires(Role.ADMIN)],
    openapi_extra=verb("users link", keeps_answer=False),
)
def link_user(context: InContext, by: By, name: UserName) -> views.SignInLink:
    """Make a person another one-time link."""
    return invite.link_user(context, name, by=by)


@router.post(
    "/users/agree",
    status_code=201,
    dependencies=[requires(Role.OPERATOR)],
    openapi_extra=verb("users agree", keeps_answer=False),
)
def agree(context: InContext, caller: Caller) -> views.Agreement:
    """Make a code by which you agree, once and within ten minutes, to what another does that needs two people.

    They send it with their act, in the header Second-Authorization: Code and the code.
    """
    proof = Proof(token_id=caller.token_id, session_id=caller.session_id)
    return agreement.agree(context, proof, by=caller.name)


@router.post("/users/{name}/change-role", dependencies=[requires(Role.ADMIN)], openapi_extra=verb("users change-role"))
def change_user_role(context: InContext, by: By, name: UserName, wanted: views.ChangeRole) -> views.User:
    """Give a person another role, in force at their next request."""
    return change.change_role(context, name, role=wanted.role, by=by, own=by)


@router.post("/users/{name}/disable", dependencies=[requires(Role.ADMIN)], openapi_extra=verb("users disable"))
def disable_user(context: InContext, by: By, name: UserName) -> views.User:
    """Let a person in no more; sessions and links end at once."""
    return change.disable_user(context, name, by=by, own=by)


@router.post("/users/{name}/enable", dependencies=[requires(Role.ADMIN)], openapi_extra=verb("users enable"))
def enable_user(context: InContext, by: By, name: UserName) -> views.User:
    """Let a person in again, by a new link."""
    return change.enable_user(context, name, by=by)


@router.get(
    "/users/{name}/sessions",
    response_model=Page[views.UserSession],
    dependencies=[requires(Role.ADMIN)],
    openapi_extra=verb("users sessions"),
)
def list_user_sessions(context: InContext, name: UserName) -> Listed[views.UserSession]:
    """The browsers that a person signed in with, newest first."""
    return find.list_sessions(context, name)


@router.post(
    "/users/{name}/end-sessions", dependencies=[requires(Role.ADMIN)], openapi_extra=verb("users end-sessions")
)
def end_user_sessions(context: InContext, by: By, name: UserName, wanted: views.EndSessions) -> views.EndedSessions:
    """End all sessions of a person, or the one that is named."""
    return sessions.revoke_sessions(context, name, session_id=wanted.session_id, by=by)
