"""Codes of an authenticator app (RFC 6238): six digits of thirty seconds, each good once, one step early or late."""

from datetime import datetime
from hmac import compare_digest

import pyotp

STEP_SECONDS = 30
STEPS_OFF = 1
ISSUER = "Attack-a-Crack"


def new_secret() -> str:
    """160 random bits in base32, as RFC 4226 recommends."""
    return pyotp.random_base32(32)


def matching_step(secret: str, code: str, at: datetime, *, after: int | None) -> int | None:
    """The step whose code this is, near `at` and later than the last that was used; `None` if it is of none."""
    made = pyotp.TOTP(secret, interval=STEP_SECONDS)
    present = int(at.timestamp()) // STEP_SECONDS
    given = "".join(code.split())
    for step in range(present - STEPS_OFF, present + STEPS_OFF + 1):
        is_new = after is None or step > after
        if is_new and given.isascii() and compare_digest(made.generate_otp(step), given):
            return step
    return None


def address_to_scan(secret: str, name: str) -> str:
    """What an authenticator app reads from the picture."""
    return pyotp.TOTP(secret, interval=STEP_SECONDS).provisioning_uri(name=name, issuer_name=ISSUER)
