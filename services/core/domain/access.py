"""Who may do what over the API: three roles, each able to do what the one before it can; and who is one person."""

import unicodedata
from enum import StrEnum


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


_ORDER = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)


def may(role: Role, needed: Role) -> bool:
    """Whether `role` reaches at least `needed`."""
    return _ORDER.index(role) >= _ORDER.index(needed)


def same_person(one: str, other: str) -> bool:
    """Whether two names are one person's: case, blanks and the width of letters tell nobody apart."""
    return person_key(one) == person_key(other)


def person_key(name: str) -> str:
    """What all spellings of one person's name have in common."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
