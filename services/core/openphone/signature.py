"""Who sent this webhook: both signature schemes of the provider, over the raw bytes, with the time given.

Standard scheme: `webhook-id`, `webhook-timestamp` (seconds) and `webhook-signature`; legacy scheme:
`openphone-signature` (milliseconds). Both are base64 HMAC-SHA256. A right signature with an old time is stale, not
invalid: refusing it would lose opt-outs while a clock is wrong.
"""

import binascii
import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

PREFIX = "whsec_"
SHORTEST_KEY = 16
MOST_SIGNATURES = 8
LONGEST_DELIVERY_ID = 255
LONGEST_TIMESTAMP = 20
FURTHEST = timedelta(days=30)
"""A time further off than this is no clock fault, and the delivery is invalid."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STANDARD_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
LEGACY_HEADER = "openphone-signature"
SIGNATURE_LISTS = frozenset({"webhook-signature", LEGACY_HEADER})
"""Several headers of these names are one list."""

_BETWEEN_SIGNATURES = re.compile(r"[ ,]+(?=v\d+a?,)|[ ]+")


class Signature(StrEnum):
    VALID = "valid"
    STALE = "stale"
    INVALID = "invalid"


SEVERITY = {Signature.VALID: 0, Signature.STALE: 1, Signature.INVALID: 2}


class SecretInvalid(ValueError):
    """A configured webhook secret cannot be a key; the text never holds the secret."""


@dataclass(frozen=True, slots=True)
class VerifiedDelivery:
    """The verdict, and what the signature vouches for. `reason` says why it is not valid, else is empty."""

    verdict: Signature
    scheme: str | None = None
    delivery_id: str | None = None
    signed_at: datetime | None = None
    key_id: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Secret:
    key: bytes
    key_id: str

    def __repr__(self) -> str:
        return f"Secret(key_id={self.key_id!r})"


@lru_cache(maxsize=32)
def load_secrets(texts: tuple[str, ...]) -> tuple[Secret, ...]:
    """Decode the configured secrets, with or without `whsec_`. Raises `SecretInvalid` for one that cannot be a key."""
    return tuple(_load(text, position) for position, text in enumerate(texts, start=1))


def key_id(secret: str) -> str:
    """A name for a secret that tells nothing about it: the first 8 hex digits of its SHA-256."""
    return hashlib.sha256(secret.strip().encode()).hexdigest()[:8]


def verify(
    raw: bytes,
    headers: Mapping[str, str],
    *,
    standard_secrets: Sequence[str],
    legacy_secrets: Sequence[str],
    at: datetime,
    tolerance: timedelta = timedelta(minutes=5),
) -> VerifiedDelivery:
    """Say whether the provider signed these bytes, and when.

    `headers` has lower-case names and values decoded as latin-1. Any of the secrets may match; at most eight
    signatures are looked at, a longer list is invalid. Where both schemes' headers are there, both must be valid,
    and one stale makes the delivery stale. Never raises because of what was sent; raises `SecretInvalid` because of
    what was configured.
    """
    clock = _Clock(at, tolerance)
    answers = []
    if any(name in headers for name in STANDARD_HEADERS):
        answers.append(_verify_standard(raw, headers, load_secrets(tuple(standard_secrets)), clock))
    if LEGACY_HEADER in headers:
        answers.append(_verify_legacy(raw, headers[LEGACY_HEADER], load_secrets(tuple(legacy_secrets)), clock))
    if not answers:
        return _invalid("no_signature")
    worst = max(answers, key=lambda answer: SEVERITY[answer.verdict])
    if worst.verdict is Signature.INVALID:
        return worst
    return replace(answers[0], verdict=worst.verdict, reason=worst.reason)


def _load(text: str, position: int) -> Secret:
    try:
        key = b64decode(text.strip().removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SecretInvalid(f"webhook secret {position} is not base64") from error
    if len(key) < SHORTEST_KEY:
        raise SecretInvalid(f"webhook secret {position} is shorter than {SHORTEST_KEY} bytes")
    return Secret(key, key_id(text))


def _verify_standard(
    raw: bytes, headers: Mapping[str, str], secrets: tuple[Secret, ...], clock: "_Clock"
) -> VerifiedDelivery:
    delivery_id, timestamp, signatures = (headers.get(name, "") for name in STANDARD_HEADERS)
    if not _is_delivery_id(delivery_id):
        return _invalid("delivery_id_malformed")
    signed_at = clock.read(timestamp, unit=timedelta(seconds=1))
    if signed_at is None:
        return _invalid("timestamp_malformed_or_far_off")
    # Blanks part the list; several headers of the name arrive joined by commas.
    entries = _BETWEEN_SIGNATURES.split(signatures.strip(" ,"), MOST_SIGNATURES)
    if len(entries) > MOST_SIGNATURES:
        return _invalid("too_many_signatures")
    given = [entry.removeprefix("v1,") for entry in entries if entry.startswith("v1,")]
    secret = _matching(f"{delivery_id}.{timestamp}.".encode() + raw, given, secrets)
    if secret is None:
        return _invalid("no_signature_matches")
    return clock.judge("standard", delivery_id, signed_at, secret)


def _verify_legacy(raw: bytes, header: str, secrets: tuple[Secret, ...], clock: "_Clock") -> VerifiedDelivery:
    parts = header.split(",", MOST_SIGNATURES)
    if len(parts) > MOST_SIGNATURES:
        return _invalid("too_many_signatures")
    matched = [
        clock.judge("legacy", None, signed_at, secret)
        for timestamp, signed_at, signature in _legacy_entries(parts, clock)
        if (secret := _matching(f"{timestamp}.".encode() + raw, [signature], secrets))
    ]
    fresh = [answer for answer in matched if answer.verdict is Signature.VALID]
    return next(iter(fresh or matched), _invalid("no_signature_matches"))


def _legacy_entries(parts: list[str], clock: "_Clock") -> Iterator[tuple[str, datetime, str]]:
    for part in parts:
        match part.strip().split(";"):
            case ["hmac", "1", timestamp, signature]:
                signed_at = clock.read(timestamp, unit=timedelta(milliseconds=1))
                if signed_at is not None:
                    yield timestamp, signed_at, signature


@dataclass(frozen=True, slots=True)
class _Clock:
    at: datetime
    tolerance: timedelta

    def read(self, timestamp: str, *, unit: timedelta) -> datetime | None:
        """The instant a timestamp names, or None when it is no number or too far off to be a clock fault."""
        if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= LONGEST_TIMESTAMP):
            return None
        microsecond = timedelta(microseconds=1)
        since_epoch = int(timestamp) * (unit // microsecond)
        if abs((self.at - EPOCH) // microsecond - since_epoch) > FURTHEST // microsecond:
            return None
        return EPOCH + timedelta(microseconds=since_epoch)

    def judge(self, scheme: str, delivery_id: str | None, signed_at: datetime, secret: Secret) -> VerifiedDelivery:
        stale = abs(self.at - signed_at) > self.tolerance
        return VerifiedDelivery(
            verdict=Signature.STALE if stale else Signature.VALID,
            scheme=scheme,
            delivery_id=delivery_id,
            signed_at=signed_at,
            key_id=secret.key_id,
            reason="timestamp_outside_tolerance" if stale else "",
        )


def _is_delivery_id(text: str) -> bool:
    """A full stop would make the signed string ambiguous: `a.b` and timestamp, or `a` and a longer one."""
    return 0 < len(text) <= LONGEST_DELIVERY_ID and text.isascii() and text.isprintable() and "." not in text


def _matching(signed: bytes, given: Sequence[str], secrets: Sequence[Secret]) -> Secret | None:
    candidates = [signature.encode() for signature in given if signature.isascii()]
    for secret in secrets:
        wanted = b64encode(hmac.digest(secret.key, signed, "sha256"))
        if any(hmac.compare_digest(candidate, wanted) for candidate in candidates):
            return secret
    return None


def _invalid(reason: str) -> VerifiedDelivery:
    return VerifiedDelivery(Signature.INVALID, reason=reason)
