"""A campaign's plan: its sums, why somebody is not in it, and the hash that a start names."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar

from services.core.domain.send_gate import Reason
from services.core.domain.stored import Form, Stored

Counts = Annotated[Mapping[str, int], Form(write=dict)]


class Unwritable(StrEnum):
    """Why no text can be made for somebody, beside the reasons of the gate."""

    SUPPRESSED = "suppressed"
    MISSING_FIELDS = "missing_fields"
    TEXT_TOO_LONG = "text_too_long"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Why somebody gets nothing: a code, and what it is about, as the names of the fields that are missing.

    As a text it is what a recipient's row keeps: the code, or `code:detail`.
    """

    code: Reason | Unwritable
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.code}:{self.detail}" if self.detail else str(self.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSums(Stored):
    """How many are texted, by variant; how many are not or must wait, by code; segments, cost, and the last instant.

    `deferred` is younger than the others: a plan made before it has none.
    """

    SHOWN: ClassVar[bool] = True

    recipients: int
    excluded: Counts
    deferred: Counts = field(default_factory=dict)
    variants: Counts
    segments: int
    cost_usd: Annotated[Decimal, Form(read=Decimal, write=str)]
    finish_at: Annotated[datetime | None, Form(read=datetime.fromisoformat, write=datetime.isoformat)] = None


class PlanHash:
    """SHA-256 over a campaign's terms and then over each recipient, in the order of their numbers.

    What is hashed never changes for a draft that there is: a term that comes later is added only where it is set.
    """

    def __init__(self, *terms: object) -> None:
        self._hash = hashlib.sha256(repr(terms).encode())

    def add(self, e164: str, *, variant: str, excluded: Exclusion | None, body: str | None) -> None:
        self._hash.update(f"{e164}\0{variant}\0{excluded}\0{body}\0".encode())

    def digest(self) -> bytes:
        return self._hash.digest()

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
