"""Webhook bodies that we write ourselves, in the provider's own shape: what its list told us, and the loop's probe."""

import hmac
import json
import socket
import ssl
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx

from services.core.domain.reconciliation import ListedMessage
from services.core.openphone.client import API_VERSION
from services.core.openphone.signature import STANDARD_HEADERS, Signature, VerifiedDelivery, load_secrets

BACKFILL = "backfill"
LOOP_DEADLINE = timedelta(seconds=10)
CERTIFICATE_SECONDS = 5
CERTIFICATE_ENDED = 10  # X509_V_ERR_CERT_HAS_EXPIRED


class LoopBroken(Exception):
    """Our own public address did not take a signed event; the text says what it answered."""


def backfilled(listed: ListedMessage) -> tuple[bytes, VerifiedDelivery]:
    """The event that should have come for an incoming message, and what vouches for it: the provider's list.

    The same message always gives the same bytes, so that a repeated audit stores it once.
    """
    resource = {
        "id": listed.message_id,
        "direction": "incoming",
        "text": listed.text,
        "media": [],
        "createdAt": _stamp(listed.created_at),
    }
    context = {
        "phoneNumberId": listed.phone_number_id,
        "conversationId": listed.conversation_id,
        "senderIdentifier": listed.sender,
        "recipientIdentifiers": list(listed.recipients),
    }
    body = _envelope(f"{BACKFILL}:{listed.message_id}"[:255], "message.received", listed.created_at, resource, context)
    vouched = VerifiedDelivery(
        Signature.VALID, scheme=BACKFILL, delivery_id=listed.message_id, signed_at=listed.created_at
    )
    return body, vouched


def post_probe(url: str, *, secret: str, delivery_id: str, at: datetime) -> None:
    """Deliver a signed receipt for a text that nobody sent to our own public address, as the provider would.

    Raises `LoopBroken` unless it is answered with 2xx.
    """
    resource = {"id": delivery_id, "direction": "outgoing", "text": "", "media": [], "createdAt": _stamp(at)}
    context = {"senderIdentifier": "canary", "recipientIdentifiers": []}
    body = _envelope(delivery_id, "message.delivered", at, resource, context)
    timestamp = str(int(at.timestamp()))
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    signature = b64encode(hmac.digest(load_secrets((secret,))[0].key, signed, "sha256")).decode()
    headers = dict(zip(STANDARD_HEADERS, (delivery_id, timestamp, f"v1,{signature}"), strict=True))
    try:
        trust = ssl.create_default_context()  # the system's, as where the certificate is looked at
        with httpx.Client(timeout=LOOP_DEADLINE.total_seconds(), trust_env=False, verify=trust) as client:
            answer = client.post(url, content=body, headers=headers | {"content-type": "application/json"})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise LoopBroken(type(error).__name__) from error
    if not answer.is_success:
        raise LoopBroken(f"http_{answer.status_code}")


def certificate_until(url: str) -> datetime | None:
    """Until when the certificate of an https address holds, one that has ended until now.

    `None` for other addresses, and where no connection comes about or nobody vouches for the certificate.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        return None
    try:
        with (
            socket.create_connection((parts.hostname, parts.port or 443), CERTIFICATE_SECONDS) as raw,
            ssl.create_default_context().wrap_socket(raw, server_hostname=parts.hostname) as secured,
        ):
            shown = secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as refused:
        return datetime.now(UTC) if refused.verify_code == CERTIFICATE_ENDED else None
    except OSError:  # the probe itself says what is wrong with the address
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)


def _envelope(event_id: str, event_type: str, at: datetime, resource: dict[str, Any], context: dict[str, Any]) -> bytes:
    data = {"resource": resource, "context": context, "links": {}}
    return json.dumps(
        {"id": event_id, "apiVersion": API_VERSION, "createdAt": _stamp(at), "type": event_type, "data": data}
    ).encode()


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
