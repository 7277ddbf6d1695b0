"""Carries events to the receivers: signed, retried on schedule, logged, and spoilt on demand."""

import asyncio
import secrets
import string
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from random import Random
from typing import Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field

from services.provider_simulator import signing
from services.provider_simulator.clock import Clock, stamp
from services.provider_simulator.envelopes import Event, LegacyTo, body_of
from services.provider_simulator.journal import Journal
from services.provider_simulator.ledger import Ledger
from services.provider_simulator.schedule import Schedule
from services.provider_simulator.settings import Settings
from services.provider_simulator.signing import Scheme
from services.provider_simulator.webhooks import Webhook, Webhooks

# Seconds from one failure to the next attempt; the provider states none for legacy webhooks.
RETRIES = {Scheme.STANDARD: (5, 300, 1800, 7200, 18_000, 36_000, 36_000), Scheme.LEGACY: (5, 60, 600)}
ID_LETTERS = string.ascii_letters + string.digits
SHOWN_RESPONSE = 2000
TIMER_SLACK = 0.1  # seconds by which a timer may fire early


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    SUCCESS = "success"
    FAILED = "failed"


class WebhookBehaviour(BaseModel):
    """How deliveries go wrong. Seconds run under the time factor; `shuffle` is the spread of the first attempt."""

    model_config = ConfigDict(extra="forbid")

    delay: float = Field(default=0, ge=0)
    shuffle: float = Field(default=0, ge=0)
    duplicates: int = Field(default=0, ge=0, le=100, description="more sends under the same webhook-id")
    duplicates_with_new_id: int = Field(default=0, ge=0, le=100, description="more sends under other webhook-ids")
    drop: float = Field(default=0, ge=0, le=1)
    before_reply: bool = Field(default=False, description="deliver and announce a message before its 202 leaves")
    legacy_to: LegacyTo = "array"
    schemes: tuple[Scheme, ...] = (Scheme.STANDARD, Scheme.LEGACY)
    seed: int = 0


class Attempt(BaseModel):
    id: str
    timestamp: datetime
    status: DeliveryStatus
    response_status: int
    response_body: str
    duration_ms: int
    trigger: Literal["scheduled", "manual"]
    url: str


class Delivery(BaseModel):
    """`next_attempt_at` is a Unix time of real time; `repeats` counts the sends to make after a success."""

    id: str
    webhook_id: str
    event_id: str
    event_type: str
    resource_id: str
    body: str
    status: DeliveryStatus = DeliveryStatus.PENDING
    created_at: datetime
    next_attempt_at: float | None
    failures: int = 0
    repeats: int = 0
    attempts: list[Attempt] = []


class Deliveries:
    def __init__(
        self, settings: Settings, clock: Clock, journal: Journal, ledger: Ledger, schedule: Schedule, webhooks: Webhooks
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._journal = journal
        self._ledger = ledger
        self._schedule = schedule
        self._webhooks = webhooks
        self._by_id: dict[str, Delivery] = {}
        self._turn = asyncio.Semaphore(settings.webhook_concurrency)
        self._client = httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=settings.webhook_timeout)
        self.counts: Counter[str] = Counter()
        self.behave(WebhookBehaviour.model_validate(journal.found.get("webhook_behaviour", {}).get("all", {})))

    def behave(self, behaviour: WebhookBehaviour) -> None:
        self.behaviour = behaviour
        self._dice = Random(behaviour.seed)
        self._journal.put("webhook_behaviour", "all", behaviour)

    def resume(self) -> None:
        """Take up what the last process left pending."""
        for key, value in self._journal.found.get("delivery", {}).items():
            delivery = self._by_id[key] = Delivery.model_validate(value)
            if delivery.status is DeliveryStatus.SENDING:
                delivery.status = DeliveryStatus.PENDING
            if delivery.next_attempt_at is not None:
                self._schedule.at(delivery.next_attempt_at, partial(self._attempt, delivery))

    def announce(self, event: Event, *, repeats: int = 0, copies: int = 0) -> list[Delivery]:
        """Deliver the event to every webhook that wants it: `repeats` more times, and `copies` under other ids."""
        made = []
        for webhook in self._webhooks.all():
            if webhook.scheme not in self.behaviour.schemes or not webhook.wants(
                event.type, event.message.phone_number_id
            ):
                continue
            if self._dice.random() < self.behaviour.drop:
                self.counts["dropped"] += 1
                continue
            body = body_of(event, webhook.scheme, self.behaviour.legacy_to)
            ids = 1 + copies + self.behaviour.duplicates_with_new_id
            of_webhook = [self._new(webhook, event.id, event.type, event.message.id, body) for _ in range(ids)]
            of_webhook[0].repeats = repeats + self.behaviour.duplicates
            made.extend(of_webhook)
        for delivery in made:
            self.save(delivery)
        return made

    def post(self, webhook: Webhook, event_id: str, event_type: str, resource_id: str, body: bytes) -> Delivery:
        """Deliver a ready body to one webhook."""
        delivery = self._new(webhook, event_id, event_type, resource_id, body)
        self.save(delivery)
        self.start(delivery)
        return delivery

    def start(self, delivery: Delivery) -> None:
        self._schedule.at(delivery.next_attempt_at or time.time(), partial(self._attempt, delivery))

    def start_now(self, delivery: Delivery) -> Awaitable[None]:
        """The first attempt, to be waited for."""
        return self._schedule.now(partial(self._attempt, delivery))

    def retry(self, delivery: Delivery) -> None:
        """One attempt by hand, whatever the schedule says."""
        self._schedule.now(partial(self._attempt, delivery, "manual"))

    def hurry(self) -> int:
        """Make the next attempt of everything pending now, for a receiver that is back; answers how many there are."""
        waiting = [delivery for delivery in self._by_id.values() if delivery.next_attempt_at is not None]
        for delivery in waiting:
            delivery.next_attempt_at = time.time()
            self.start(delivery)
        return len(waiting)

    def get(self, delivery_id: str) -> Delivery | None:
        return self._by_id.get(delivery_id)

    def view(self, delivery: Delivery) -> dict[str, object]:
        """As the delivery log shows it; the next attempt in product time, like all the rest."""
        due = delivery.next_attempt_at
        next_attempt_at = None if due is None else stamp(datetime.fromtimestamp(due, UTC) + self._clock.offset)
        return {
            "id": delivery.id,
            "eventId": delivery.event_id,
            "resourceId": delivery.resource_id,
            "eventType": delivery.event_type,
            "status": delivery.status,
            "nextAttemptAt": next_attempt_at,
            "createdAt": stamp(delivery.created_at),
        }

    def newest_first(self) -> Iterator[Delivery]:
        return reversed(list(self._by_id.values()))

    def save(self, delivery: Delivery) -> None:
        self._by_id[delivery.id] = delivery
        self._journal.put("delivery", delivery.id, delivery)

    def reset(self) -> None:
        self._by_id.clear()
        self.counts.clear()
        self._journal.forget("delivery")
        self.behave(WebhookBehaviour())

    async def close(self) -> None:
        await self._client.aclose()

    def _new(self, webhook: Webhook, event_id: str, event_type: str, resource_id: str, body: bytes) -> Delivery:
        wait = self.behaviour.delay + self._dice.uniform(0, self.behaviour.shuffle)
        return Delivery(
            id="msg_" + "".join(secrets.choice(ID_LETTERS) for _ in range(27)),
            webhook_id=webhook.id,
            event_id=event_id,
            event_type=event_type,
            resource_id=resource_id,
            body=body.decode("utf-8"),
            created_at=self._clock.now(),
            next_attempt_at=time.time() + wait / self._settings.time_factor,
        )

    async def _attempt(self, delivery: Delivery, trigger: Literal["scheduled", "manual"] = "scheduled") -> None:
        webhook = self._webhooks.get(delivery.webhook_id)
        if webhook is None or self._by_id.get(delivery.id) is not delivery:
            return
        if trigger == "scheduled" and not _is_due(delivery):
            return  # a timer that `hurry` overtook
        delivery.status = DeliveryStatus.SENDING
        await self._journal.flush()
        async with self._turn:
            attempt = await self._post(webhook, delivery, trigger)
        delivery.attempts.insert(0, attempt)
        self.counts[attempt.status.value] += 1
        if attempt.status is DeliveryStatus.SUCCESS:
            await self._succeeded(delivery, attempt)
        elif trigger == "scheduled":
            self._failed(delivery, RETRIES[webhook.scheme])
        else:
            waits = delivery.next_attempt_at is not None
            delivery.status = DeliveryStatus.PENDING if waits else DeliveryStatus.FAILED
        self.save(delivery)

    async def _post(self, webhook: Webhook, delivery: Delivery, trigger: Literal["scheduled", "manual"]) -> Attempt:
        body = delivery.body.encode()
        at = self._clock.now()
        if webhook.scheme is Scheme.STANDARD:
            headers = signing.standard_headers(delivery.id, at, body, webhook.signing_keys(at))
        else:
            headers = signing.legacy_headers(at, body, webhook.key)
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._settings.webhook_timeout):
                reply = await self._client.post(
                    webhook.url, content=body, headers=headers | {"content-type": "application/json"}
                )
            status, text = reply.status_code, reply.text[:SHOWN_RESPONSE]
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            status, text = 0, type(error).__name__
        return Attempt(
            id=f"atmpt_{uuid.uuid4().hex[:27]}",
            timestamp=at,
            status=DeliveryStatus.SUCCESS if 200 <= status < 300 else DeliveryStatus.FAILED,
            response_status=status,
            response_body=text,
            duration_ms=int((time.monotonic() - started) * 1000),
            trigger=trigger,
            url=webhook.url,
        )

    async def _succeeded(self, delivery: Delivery, attempt: Attempt) -> None:
        delivery.status = DeliveryStatus.SUCCESS
        delivery.next_attempt_at = None
        self._ledger.webhook(
            delivery.id,
            event_id=delivery.event_id,
            resource_id=delivery.resource_id,
            attempt=len(delivery.attempts),
            status=attempt.response_status,
        )
        if delivery.repeats:
            delivery.repeats -= 1
            delivery.next_attempt_at = time.time()
            self.start(delivery)
        await self._ledger.flush()

    def _failed(self, delivery: Delivery, retries: tuple[int, ...]) -> None:
        delivery.failures += 1
        if delivery.failures > len(retries):
            delivery.status = DeliveryStatus.FAILED
            delivery.next_attempt_at = None
            return
        delivery.status = DeliveryStatus.PENDING
        delivery.next_attempt_at = time.time() + retries[delivery.failures - 1] / self._settings.time_factor
        self.start(delivery)


def _is_due(delivery: Delivery) -> bool:
    is_idle = delivery.status is not DeliveryStatus.SENDING
    return is_idle and delivery.next_attempt_at is not None and delivery.next_attempt_at <= time.time() + TIMER_SLACK
