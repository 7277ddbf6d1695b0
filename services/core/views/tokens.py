"""Tokens of this API."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from services.core.domain.access import Role
from services.core.views.values import Input, RowId, View, example, text_only

Lifetime = Annotated[timedelta, Field(strict=False), BeforeValidator(text_only)]


class WantedToken(Input):
    model_config = example({"name": "night shift", "person": "Maria Lopez", "role": "viewer", "valid_for": "P90D"})

    name: Annotated[str, Field(min_length=1, max_length=100)]
    person: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Who holds it; null: whom the name names. Two people need two persons' tokens."
    )
    role: Annotated[Role, Field(strict=False)]
    valid_for: Lifetime | None = Field(default=None, description="From PT1M to ten years; null: until it is revoked.")


class Token(View):
    model_config = example(
        {
            "token_id": 2,
            "name": "night shift",
            "person": "Maria Lopez",
            "role": "viewer",
            "created_at": "2026-03-02T18:00:00Z",
            "expires_at": "2026-05-31T18:00:00Z",
            "revoked_at": None,
        }
    )

    token_id: RowId
    name: str
    person: str = Field(validation_alias="holder")
    role: Role
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class NewToken(View):
    """`token` is the secret itself; it can't be read again."""

    model_config = example(
        {
            "name": "night shift",
            "person": "Maria Lopez",
            "role": "viewer",
            "token": "aac_an-example-of-a-token-that-opens-nothing",
        }
    )

    name: str
    person: str
    role: Role
    token: str
