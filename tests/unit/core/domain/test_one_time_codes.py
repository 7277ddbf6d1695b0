"""Codes of an authenticator: those of RFC 6238, near the present step, each later than the last."""

from datetime import UTC, datetime, timedelta

import pytest

from services.core.domain.one_time_codes import STEP_SECONDS, address_to_scan, matching_step, new_secret

RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""The ASCII "12345678901234567890" of RFC 6238, appendix B; its codes have eight digits, of which ours are the last."""
VECTORS = [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_the_codes_are_the_standard_s(seconds: int, code: str) -> None:
    assert matching_step(RFC_SECRET, code, moment(seconds), after=None) == seconds // STEP_SECONDS
    assert matching_step(RFC_SECRET, f"{code[:3]} {code[3:]}", moment(seconds), after=None) is not None


@pytest.mark.parametrize(("steps_off", "is_taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_a_step_off_and_no_more(steps_off: int, is_taken: bool) -> None:
    at = moment(1111111109) + timedelta(seconds=steps_off * STEP_SECONDS)
    assert (matching_step(RFC_SECRET, "081804", at, after=None) is not None) is is_taken


def test_a_step_serves_once_and_none_before_it() -> None:
    step = 1111111109 // STEP_SECONDS
    assert matching_step(RFC_SECRET, "081804", moment(1111111109), after=step - 1) == step
    assert matching_step(RFC_SECRET, "081804", moment(1111111109), after=step) is None
    assert matching_step(RFC_SECRET, "081804", moment(1111111109), after=step + 1) is None


@pytest.mark.parametrize("code", ["", "0", "81804", "0818040", "08180\u0664", "None", "081804 x"])
def test_what_is_no_code(code: str) -> None:
    assert matching_step(RFC_SECRET, code, moment(1111111109), after=None) is None


def test_a_secret_has_160_bits_and_its_address_names_whose() -> None:
    secret = new_secret()
    assert len(secret) * 5 == 160
    assert secret != new_secret()
    address = address_to_scan(secret, "Maria Lopez")
    assert address.startswith("otpauth://totp/Attack-a-Crack:Maria%20Lopez?")
    assert f"secret={secret}" in address
