"""Whom a campaign is for."""

from dataclasses import dataclass
from typing import Annotated

from services.core.domain.stored import Form, Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience(Stored):
    """Everyone, those of an import, or whom a campaign's text failed to reach; one of the three.

    `fields` are names of the contacts' own fields that the campaign's texts use. Raises `ValueError` where nobody or
    more than one of the three is named: an audience never becomes everyone by having lost what narrowed it.
    """

    everyone: Annotated[bool | None, Form(key="all")] = None
    import_id: Annotated[int | None, Form(key="import")] = None
    failed_of: int | None = None
    fields: Annotated[tuple[str, ...], Form(read=tuple, write=list)] = ()

    def __post_init__(self) -> None:
        if [self.everyone, self.import_id, self.failed_of].count(None) != 2 or self.everyone is False:
            raise ValueError("an audience is everyone, an import's people, or whom a campaign failed to reach")
