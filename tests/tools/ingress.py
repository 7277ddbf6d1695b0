"""The webhook ingress as tests use it: a real process, the provider's signatures, and sockets for odd requests."""

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests.tools.http_role import HttpRole
from tests.tools.http_role import request as any_request

PATH = "/webhooks/openphone"
STANDARD = "whsec_" + base64.b64encode(b"the standard key in use").decode()
PREVIOUS = "whsec_" + base64.b64encode(b"the one before rotation").decode()
RETIRED = "whsec_" + base64.b64encode(b"a key that was retired.").decode()
LEGACY = base64.b64encode(b"\xff legacy key, high bytes").decode()
JSON = {"content-type": "application/json"}
_numbers = count(1)

MESSAGE = {
    "apiVersion": "2026-03-30",
    "type": "message.received",
    "data": {
        "resource": {"direction": "incoming", "text": "", "media": [], "status": "received"},
        "context": {
            "orgId": "ORk3Vw9ZtQ1",
            "phoneNumberId": "PNq7Rk2LmZx",
            "conversationId": "CN5d0c8f1e7a2b4c39b6e1f0a2d4c87e13",
            "contacts": {"ids": [], "lookupStatus": "matched"},
            "senderIdentifier": "",
            "recipientIdentifiers": ["+12025550100"],
        },
    },
}


def received(
    text: str = "Yes, 3pm works for me.", *, sender: str = "+12025550143", **members: object
) -> dict[str, Any]:
    """A text from a person; `members` replace those of the envelope."""
    number = next(_numbers)
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    document: dict[str, Any] = deepcopy(MESSAGE) | {"id": f"EV{number:032d}", "createdAt": now}
    document["data"]["resource"] |= {"id": f"AC{number:032d}", "text": text, "createdAt": now}
    document["data"]["context"] |= {"senderIdentifier": sender}
    return document | members


def body_of(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def new_delivery_id() -> str:
    return f"msg_{os.getpid()}_{next(_numbers)}"


def signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def standard(
    body: bytes,
    *,
    secrets: tuple[str, ...] = (STANDARD,),
    delivery_id: str | None = None,
    late: timedelta = timedelta(0),
    timestamp: str | None = None,
) -> dict[str, str]:
    """The headers of a delivery signed `late` ago with each of the `secrets`."""
    delivery_id = new_delivery_id() if delivery_id is None else delivery_id
    timestamp = timestamp if timestamp is not None else str(int(time.time() - late.total_seconds()))
    signed = f"{delivery_id}.{timestamp}.".encode("latin-1") + body
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature(secret, signed)}" for secret in secrets),
    }


def legacy(body: bytes, *, secret: str = LEGACY, late: timedelta = timedelta(0)) -> dict[str, str]:
    timestamp = str(int((time.time() - late.total_seconds()) * 1000))
    return {"openphone-signature": f"hmac;1;{timestamp};{signature(secret, timestamp.encode() + b'.' + body)}"}


def request(body: bytes = b"", *, method: str = "POST", target: str = PATH, headers: Mapping[str, str]) -> bytes:
    """A delivery as bytes, for sockets."""
    return any_request(body, method=method, target=target, headers=headers)


def signed_request(body: bytes, **options: Any) -> bytes:
    """A whole, honest delivery as bytes."""
    return request(
        body, headers={"host": "ingress", **JSON, **standard(body, **options), "content-length": str(len(body))}
    )


class RunningIngress(HttpRole):
    """The webhook ingress, with the provider's keys."""

    role = "webhook_ingress"
    port_setting = "ingress_port"

    def __init__(
        self, folder: Path, *, database_url: str, redis_url: str, signs_in_at: str = "", **settings: str
    ) -> None:
        self.database_url = database_url
        secrets = {"webhook_secrets_standard": f"{STANDARD},{PREVIOUS}", "webhook_secrets_legacy": LEGACY}
        super().__init__(folder, database_url=signs_in_at or database_url, redis_url=redis_url, **(secrets | settings))

    def post(self, body: bytes, headers: Mapping[str, str] | None = None, **options: Any) -> httpx.Response:
        """Deliver; without `headers` honestly signed."""
        return self._client.post(
            PATH, content=body, headers=JSON | dict(standard(body) if headers is None else headers), **options
        )

    def rows(self, delivery_id: str | None = None) -> list[dict[str, Any]]:
        """What is in the inbox, oldest first."""
        where = "WHERE delivery_id = %(id)s" if delivery_id is not None else ""
        return self.query(f"SELECT * FROM inbox {where} ORDER BY id", id=delivery_id)  # noqa: S608

    def query(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        url = self.database_url.replace("+psycopg", "")
        with psycopg.connect(url, row_factory=psycopg.rows.dict_row, autocommit=True) as connection:
            return connection.execute(statement.encode(), values).fetchall()
