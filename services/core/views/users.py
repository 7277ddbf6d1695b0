"""People who sign in to the console, their links and sessions."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.core.domain.access import Role
from services.core.views.values import Id, Input, RowId, View, example

RoleName = Annotated[Role, Field(strict=False)]


class Invite(Input):
    model_config = example({"name": "Maria Lopez", "role": "operator"})

    name: Annotated[str, Field(min_length=1, max_length=100)]
    role: RoleName


class ChangeRole(Input):
    model_config = example({"role": "viewer"})

    role: RoleName


class EndSessions(Input):
    model_config = example({"session_id": 12})

    session_id: Id | None = Field(default=None, description="The one to end; null: all of them.")


class SignInLink(View):
    """`link` lets one browser in, once, until `expires_at`; it can't be read again."""

    model_config = example(
        {
            "user_id": 3,
            "name": "Maria Lopez",
            "role": "operator",
            "link": "http://localhost:8081/enter?code=an-example-of-a-code-that-opens-nothing",
            "expires_at": "2026-03-02T18:10:00Z",
        }
    )

    user_id: int
    name: str
    role: Role
    link: str
    expires_at: datetime


class User(View):
    model_config = example(
        {
            "user_id": 3,
            "name": "Maria Lopez",
            "role": "operator",
            "created_at": "2026-03-02T18:00:00Z",
            "disabled_at": None,
        }
    )

    user_id: RowId
    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None = Field(description="Since when they are let in no more.")


class UserSession(View):
    model_config = example(
        {
            "session_id": 12,
            "name": "Maria Lopez",
            "address": "10.2.0.17",
            "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "created_at": "2026-03-02T18:00:00Z",
            "seen_at": "2026-03-02T18:40:00Z",
            "ended": None,
        }
    )

    session_id: RowId
    name: str
    address: str = Field(description="Where it was begun from.")
    agent: str = Field(description="What the browser called itself then.")
    created_at: datetime
    seen_at: datetime = Field(description="When it was last in use, to the minute.")
    ended: str | None = Field(description="Why it is none any more: revoked, expired or disabled; null while it is.")


class EndedSessions(View):
    model_config = example({"user_id": 3, "name": "Maria Lopez", "ended": 2})

    user_id: int
    name: str
    ended: int


class Agreement(View):
    """`code` proves once, until `expires_at`, that who made it agrees; it can't be read again."""

    model_config = example(
        {
            "agreement_id": 7,
            "name": "Maria Lopez",
            "code": "an-example-of-a-code-that-proves-nothing",
            "expires_at": "2026-03-02T18:10:00Z",
        }
    )

    agreement_id: int
    name: str
    code: str
    expires_at: datetime
