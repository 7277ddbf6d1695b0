"""Both signature schemes of outgoing webhooks, and the keys they use."""

import base64
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

STANDARD_PREFIX = "whsec_"


class Scheme(StrEnum):
    STANDARD = "standard"
    LEGACY = "legacy"


def new_key(scheme: Scheme) -> str:
    key = base64.b64encode(secrets.token_bytes(24)).decode()
    return STANDARD_PREFIX + key if scheme is Scheme.STANDARD else key


def standard_headers(delivery_id: str, at: datetime, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """One `v1` entry for each key, so that a receiver with the old or the new one accepts."""
    timestamp = str(int(at.timestamp()))
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    entries = [f"v1,{_signature(key.removeprefix(STANDARD_PREFIX), signed)}" for key in keys]
    return {"webhook-id": delivery_id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(entries)}


def legacy_headers(at: datetime, body: bytes, key: str) -> dict[str, str]:
    timestamp = str(int(at.timestamp() * 1000))
    return {"openphone-signature": f"hmac;1;{timestamp};{_signature(key, f'{timestamp}.'.encode() + body)}"}


def _signature(key: str, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(base64.b64decode(key), signed, "sha256")).decode()
