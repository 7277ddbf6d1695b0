"""Passwords as they are stored: argon2id, slow and large on purpose, so that a copy of the database tells none."""

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""The least that OWASP's sheet on storing passwords names: 19 MiB and two passes."""

NOBODYS = HASHER.hash("of nobody")
"""Compared where there is no password, so that the time tells nobody who has one."""


def hash_password(password: str) -> str:
    return HASHER.hash(password)


def is_password(password_hash: str | None, password: str) -> bool:
    """Whether it is this password; takes as long where there is none to compare."""
    try:
        return HASHER.verify(password_hash or NOBODYS, password) and password_hash is not None
    except VerificationError:
        return False
