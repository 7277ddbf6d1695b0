"""Signed webhooks at a steady rate: who runs this in a pod of the release sees what the provider would see.

`python load.py URL RATE SECONDS` says "begun" on standard error, and in the end prints one JSON document: how often
each answer came, which were repeated until they were taken, and the slowest. The signing key is read from the
release's settings.
"""

import base64
import hashlib
import hmac
import json
import sys
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx

from services.core.runtime.settings import read_settings
from services.core.usecases.context import open_context
from services.core.usecases.operations.clock import read_clock

CONNECTIONS = 16
REPEATED_FOR = 120.0  # the provider repeats for hours; a drill need not
PAUSE = 1.0


def main(url: str, rate: float, seconds: float) -> int:
    settings = read_settings()
    context = open_context(settings)
    ahead = read_clock(context).offset
    context.close()
    secret = settings.webhook_secrets_standard[0].get_secret_value().removeprefix("whsec_")
    client = httpx.Client(timeout=10, limits=httpx.Limits(max_connections=CONNECTIONS))

    def deliver(due: float) -> tuple[list[str], float]:
        time.sleep(max(0.0, due - time.monotonic()))
        at = datetime.now(UTC) + ahead
        began, answers = time.monotonic(), []
        body = _body(at)
        delivery_id = f"msg_{uuid.uuid4().hex}"
        while time.monotonic() - began < REPEATED_FOR:
            try:
                answer = client.post(
                    url, content=body, headers=_signed(body, delivery_id, secret, datetime.now(UTC) + ahead)
                )
            except httpx.HTTPError as error:
                answers.append(type(error).__name__)
            else:
                answers.append(str(answer.status_code))
                if answer.is_success:
                    break
            time.sleep(PAUSE)
        return answers, time.monotonic() - began

    sys.stderr.write("begun\n")
    began = time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        results = list(threads.map(deliver, (began + number / rate for number in range(int(rate * seconds)))))
    taken = sum(answers[-1].startswith("2") for answers, _ in results)
    report = {
        "deliveries": len(results),
        "taken": taken,
        "lost": len(results) - taken,
        "repeated": sum(len(answers) > 1 for answers, _ in results),
        "answers": Counter(answer for answers, _ in results for answer in answers),
        "slowest_seconds": round(max(took for _, took in results), 2),
    }
    sys.stdout.write(json.dumps(report) + "\n")
    return 0 if taken == len(results) else 1


def _body(at: datetime) -> bytes:
    """An event that changes nothing, so that no conversation fills with it."""
    event = {
        "id": f"EV{uuid.uuid4().hex}",
        "type": "installation.tested",
        "createdAt": at.isoformat().replace("+00:00", "Z"),
        "apiVersion": "2026-03-30",
        "data": {"resource": {}, "context": {}},
    }
    return json.dumps(event).encode()


def _signed(body: bytes, delivery_id: str, secret: str, at: datetime) -> dict[str, str]:
    timestamp = str(int(at.timestamp()))
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(base64.b64decode(secret), signed, hashlib.sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "webhook-id": delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])))
