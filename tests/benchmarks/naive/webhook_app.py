"""The webhook endpoint as it is usually written: checked in Redis, handed to Celery, answered; nothing is durable."""

import base64
import hashlib
import hmac
import json
import os
from typing import Annotated

from celery import Celery
from fastapi import Depends, FastAPI, HTTPException, Request
from redis import Redis

REMEMBERED_SECONDS = 24 * 3600

app = FastAPI()
celery = Celery("naive", broker=os.environ["NAIVE_REDIS_URL"])
cache = Redis.from_url(os.environ["NAIVE_REDIS_URL"])
key = base64.b64decode(os.environ["NAIVE_SECRET"].removeprefix("whsec_"))


@celery.task(name="process_webhook", ignore_result=True)
def process_webhook(event: dict[str, object]) -> None:
    """Never run here: the benchmark looks at the way in."""


async def raw_body(request: Request) -> bytes:
    return await request.body()


@app.post("/webhooks/openphone")
def receive(request: Request, raw: Annotated[bytes, Depends(raw_body)]) -> dict[str, str]:
    delivery_id, timestamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    signed = f"{delivery_id}.{timestamp}.".encode() + raw
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    if not hmac.compare_digest(wanted, request.headers["webhook-signature"]):
        raise HTTPException(401)
    if cache.exists(f"webhook:{delivery_id}"):
        return {"status": "duplicate"}
    cache.setex(f"webhook:{delivery_id}", REMEMBERED_SECONDS, "1")
    process_webhook.delay(json.loads(raw))
    return {"status": "queued"}


@app.get("/readyz")
def ready() -> dict[str, str]:
    return {"status": "ready"}
