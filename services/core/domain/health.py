"""One line of the health report."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the report; `remedy` says what to do when it isn't well."""

    name: str
    well: bool
    found: str
    remedy: str = ""
