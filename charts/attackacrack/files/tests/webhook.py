"""A signed webhook goes through the Service and is found as a handled row; nothing is sent to anybody."""

import base64
import hashlib
import hmac
import json
import sys
import time
import uuid

import httpx
from sqlalchemy import select

from services.core.runtime.settings import read_settings
from services.core.storage.models import InboxEvent
from services.core.usecases.context import open_context
from services.core.usecases.operations.clock import read_clock

HANDLED_WITHIN = 120.0  # a pool that starts from zero takes a while

url = sys.argv[1]
settings = read_settings()
context = open_context(settings)
now = read_clock(context).product_now

body = json.dumps(
    {
        "id": f"EV{uuid.uuid4().hex}",
        "type": "installation.tested",
        "createdAt": now.isoformat().replace("+00:00", "Z"),
        "apiVersion": "2026-03-30",
        "data": {"resource": {}, "context": {}},
    }
).encode()
delivery_id = f"msg_{uuid.uuid4().hex}"
timestamp = str(int(now.timestamp()))
secret = settings.webhook_secrets_standard[0].get_secret_value().removeprefix("whsec_")
signed = f"{delivery_id}.{timestamp}.".encode() + body
signature = base64.b64encode(hmac.new(base64.b64decode(secret), signed, hashlib.sha256).digest()).decode()
headers = {
    "content-type": "application/json",
    "webhook-id": delivery_id,
    "webhook-timestamp": timestamp,
    "webhook-signature": f"v1,{signature}",
}

answer = httpx.post(url, content=body, headers=headers, timeout=10)
assert answer.is_success, f"{url} answered {answer.status_code}: {answer.text}"  # noqa: S101
repeated = httpx.post(url, content=body, headers=headers, timeout=10)
assert repeated.json()["status"] == "duplicate", f"a repeated delivery was {repeated.text}"  # noqa: S101
forged = httpx.post(url, content=body, headers=headers | {"webhook-signature": "v1,AAAA"}, timeout=10)
assert forged.status_code == httpx.codes.UNAUTHORIZED, f"a forged delivery was answered {forged.status_code}"  # noqa: S101

deadline = time.monotonic() + HANDLED_WITHIN
while True:
    with context.database.reading() as session:
        row = session.scalars(select(InboxEvent).where(InboxEvent.delivery_id == delivery_id)).one()
        status, reason = row.status, row.reason
    if status == "quarantined":
        sys.exit(f"the webhook was not understood: {reason}")
    if status != "new":
        break
    if time.monotonic() > deadline:
        sys.exit(f"the webhook was stored, and no worker handled it within {HANDLED_WITHIN:.0f} s")
    time.sleep(0.5)
context.close()
sys.stdout.write(f"stored once, forged one refused, handled: {status}\n")
