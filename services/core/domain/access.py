"""Who may do what over the API: three roles, each able to do what the one before it can."""

from enum import StrEnum


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


_ORDER = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)


def may(role: Role, needed: Role) -> bool:
    """Whether `role` reaches at least `needed`."""
    return _ORDER.index(role) >= _ORDER.index(needed)
