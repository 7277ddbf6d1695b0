"""Tokens of this API."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.console.shapes.values import Answered, Taken, example
from services.core.domain.access import Role


class WantedToken(Taken):
    model_config = example({"name": "night shift", "role": "viewer"})

    name: Annotated[str, Field(min_length=1, max_length=100)]
    role: Annotated[Role, Field(strict=False)]


class Token(Answered):
    model_config = example(
        {
            "token_id": 2,
            "name": "night shift",
            "role": "viewer",
            "created_at": "2026-03-02T18:00:00Z",
            "revoked_at": None,
        }
    )

    token_id: int
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None


class NewToken(Answered):
    """`token` is the secret itself; it can't be read again."""

    model_config = example(
        {"name": "night shift", "role": "viewer", "token": "aac_an-example-of-a-token-that-opens-nothing"}
    )

    name: str
    role: Role
    token: str
