"""How a person is named in a command, an address or a search: by id, or by a number in any form."""

import re
from typing import Final

from services.core.domain.failures import NotFound, RefusedInput
from services.core.domain.phone_numbers import NumberRejection, PhoneNumber, parse_phone_number
from services.core.usecases.context import Context

LARGEST_ID: Final = 2**63 - 1
E164: Final = re.compile(r"\+[1-9][0-9]{1,14}")
SHORTEST_NUMBER: Final = 10
"""Fewer digits are an id, since no number that may be texted has fewer."""


def is_id(key: str) -> bool:
    """Whether the text can be an id: ASCII digits, not above the largest."""
    return key.isascii() and key.isdecimal() and len(key) < 20 and int(key) <= LARGEST_ID


def person_key(context: Context, key: str) -> str:
    """The id as it stands, or the number in E.164. Raises `NotFound`, which never repeats what was asked for."""
    if E164.fullmatch(key) or (is_id(key) and len(key) < SHORTEST_NUMBER):
        return key
    parsed = parse_phone(context, key)
    if isinstance(parsed, PhoneNumber):
        return parsed.e164
    if is_id(key):
        return key
    raise NotFound("contact", "of that key: name an id, or a number such as (202) 555-0143")


def read_phone(context: Context, raw: str) -> str:
    """A number in any form, as E.164. Raises `RefusedInput` with the reason, never with the number."""
    parsed = parse_phone(context, raw)
    if isinstance(parsed, PhoneNumber):
        return parsed.e164
    reason = str(parsed).replace("_", " ")
    detail = f"this is no number that may be texted: {reason}; give one such as (202) 555-0143"
    raise RefusedInput("number_refused", detail, pointer="/phone")


def parse_phone(context: Context, raw: str) -> PhoneNumber | NumberRejection:
    """A number under the installation's rules: which countries, and whether those for tests count."""
    return parse_phone_number(
        raw,
        allowed_countries=frozenset(context.settings.allowed_countries),
        allow_test_numbers=context.is_simulated,
    )
