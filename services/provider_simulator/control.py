"""The simulator's own switches under /_simulator: faults, people, webhooks, clock, and what happened so far."""

from collections import Counter
from datetime import timedelta

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from services.provider_simulator.checks import simulator_of
from services.provider_simulator.clock import ClockMovesForwardOnly, stamp, wall
from services.provider_simulator.contacts import Behaviour, Distribution
from services.provider_simulator.deliveries import WebhookBehaviour
from services.provider_simulator.envelopes import compact
from services.provider_simulator.faults import Fault
from services.provider_simulator.messages import Direction
from services.provider_simulator.signing import Scheme

Shown = dict[str, object]
router = APIRouter(prefix="/_simulator", tags=["control"])


class ClockOffset(BaseModel):
    offset_seconds: float = Field(ge=0, description="product time minus real time; never less than before")


class Inbound(BaseModel):
    """A text from a person to our number."""

    model_config = ConfigDict(populate_by_name=True)

    sender: str = Field(alias="from", pattern=r"^\+?\d{3,15}$")
    content: str = Field(max_length=10_000)


class OwnWebhook(BaseModel):
    """A webhook with a key known beforehand, made up when empty; one of the same scheme and URL is changed."""

    scheme: Scheme = Scheme.STANDARD
    url: str = Field(pattern=r"^https?://.+")
    key: str = ""


class RawEvent(BaseModel):
    """An event to send as it stands, for example about a message that never was."""

    event_type: str = "message.delivered"
    resource_id: str
    body: Shown = Field(description="the whole envelope")


class RateQuota(BaseModel):
    rate: int = Field(ge=1)


@router.get("/health")
async def health(request: Request) -> Shown:
    return {"status": "ok", "phone_number_id": simulator_of(request).settings.phone_number_id}


@router.get("/clock")
async def show_clock(request: Request) -> Shown:
    clock = simulator_of(request).clock
    return {"offset_seconds": clock.offset.total_seconds(), "now": stamp(clock.now()), "wall": stamp(wall())}


@router.put("/clock")
async def move_clock(request: Request, wanted: ClockOffset) -> Shown:
    """Forward only: 409 otherwise."""
    simulator = simulator_of(request)
    try:
        simulator.move_clock(timedelta(seconds=wanted.offset_seconds))
    except ClockMovesForwardOnly as error:
        raise HTTPException(409, str(error)) from error
    await simulator.journal.flush()
    return await show_clock(request)


@router.put("/rate")
async def set_rate(request: Request, wanted: RateQuota) -> Shown:
    """Requests a second and key, until the next restart."""
    simulator_of(request).limit.quota = wanted.rate
    return {"rate": wanted.rate}


@router.get("/faults")
async def list_faults(request: Request) -> list[Shown]:
    return simulator_of(request).faults.active()


@router.post("/faults", status_code=201)
async def add_fault(request: Request, fault: Fault) -> Shown:
    simulator = simulator_of(request)
    rule_id = simulator.faults.add(fault)
    await simulator.journal.flush()
    return {"id": rule_id}


@router.delete("/faults", status_code=204)
async def clear_faults(request: Request) -> None:
    simulator_of(request).faults.reset()


@router.delete("/faults/{rule_id}", status_code=204)
async def remove_fault(request: Request, rule_id: str) -> None:
    if not simulator_of(request).faults.remove(rule_id):
        raise HTTPException(404, "no such fault")


@router.put("/contacts/{number}")
async def behave(request: Request, number: str, behaviour: Behaviour) -> Behaviour:
    """How this number takes our texts and what it replies."""
    simulator = simulator_of(request)
    simulator.contacts.behave(number, behaviour)
    await simulator.journal.flush()
    return behaviour


@router.delete("/contacts/{number}", status_code=204)
async def behave_as_others(request: Request, number: str) -> None:
    simulator_of(request).contacts.behave(number, None)


@router.put("/contacts")
async def distribute(request: Request, distribution: Distribution) -> Distribution:
    """How all other numbers behave: each falls on one of the behaviours by weight and seed."""
    simulator = simulator_of(request)
    simulator.contacts.distribute(distribution)
    await simulator.journal.flush()
    return distribution


@router.get("/contacts/{number}")
async def show_contact(request: Request, number: str) -> Shown:
    contacts = simulator_of(request).contacts
    behaviour = contacts.behaviour_of(number).model_dump(mode="json")
    return {"number": number, "opted_out": number in contacts.opted_out, "behaviour": behaviour}


@router.get("/opt-outs")
async def list_opt_outs(request: Request) -> list[str]:
    return sorted(simulator_of(request).contacts.opted_out)


@router.post("/inbound", status_code=201)
async def inject(request: Request, text: Inbound) -> Shown:
    """A person texts us now."""
    return (await simulator_of(request).life.receive(text.sender, text.content)).view()


@router.get("/webhooks")
async def list_webhooks(request: Request) -> list[Shown]:
    return [
        {"scheme": webhook.scheme, **webhook.view(with_key=True)} for webhook in simulator_of(request).webhooks.all()
    ]


@router.post("/webhooks", status_code=201)
async def ensure_webhook(request: Request, wanted: OwnWebhook) -> Shown:
    simulator = simulator_of(request)
    webhook = simulator.webhooks.ensure(wanted.scheme, url=wanted.url, key=wanted.key)
    await simulator.journal.flush()
    return webhook.view(with_key=True)


@router.get("/webhook-behaviour")
async def show_webhook_behaviour(request: Request) -> WebhookBehaviour:
    return simulator_of(request).deliveries.behaviour


@router.put("/webhook-behaviour")
async def behave_webhooks(request: Request, behaviour: WebhookBehaviour) -> WebhookBehaviour:
    """Delay, shuffle, double, drop; from the next event on."""
    simulator = simulator_of(request)
    simulator.deliveries.behave(behaviour)
    await simulator.journal.flush()
    return behaviour


@router.post("/events", status_code=202)
async def send_event(request: Request, event: RawEvent) -> Shown:
    """Sign and deliver a given body to every enabled webhook of the dated scheme."""
    deliveries = simulator_of(request).deliveries
    sent = [
        deliveries.post(webhook, *_parts(event))
        for webhook in simulator_of(request).webhooks.all(Scheme.STANDARD)
        if webhook.status == "enabled"
    ]
    return {"deliveries": [delivery.id for delivery in sent]}


@router.get("/state")
async def show_state(request: Request) -> Shown:
    """Counts of everything since the start or the last reset; messages and deliveries since ever."""
    simulator = simulator_of(request)
    messages = list(simulator.messages.oldest_first())
    deliveries = list(simulator.deliveries.newest_first())
    outgoing = [message for message in messages if message.direction is Direction.OUTGOING]
    return {
        "clock": await show_clock(request),
        "requests": dict(simulator.histogram.totals),
        "texts": len(outgoing),
        "inbound": len(messages) - len(outgoing),
        "statuses": Counter(message.status.value for message in outgoing),
        "opted_out": len(simulator.contacts.opted_out),
        "deliveries": Counter(delivery.status.value for delivery in deliveries),
        "attempts": dict(simulator.deliveries.counts),
        "faults": simulator.faults.active(),
    }


@router.get("/messages")
async def list_messages(request: Request, to: str | None = None, limit: int = 1000) -> list[Shown]:
    """Oldest first, of both directions; `to` is the person on the other side."""
    found = list(simulator_of(request).messages.newest_first(to))[:limit]
    return [message.view() | {"errorCode": message.error_code} for message in reversed(found)]


@router.get("/deliveries")
async def list_deliveries(request: Request, status: str | None = None, resource_id: str | None = None) -> list[Shown]:
    deliveries = simulator_of(request).deliveries
    return [
        deliveries.view(delivery) | {"webhookId": delivery.webhook_id, "attempts": len(delivery.attempts)}
        for delivery in deliveries.newest_first()
        if status in (None, delivery.status) and resource_id in (None, delivery.resource_id)
    ]


@router.post("/deliveries/hurry")
async def hurry_deliveries(request: Request) -> Shown:
    """Attempt now whatever waits for its next attempt, as after a receiver's outage; answers how many those are."""
    return {"attempted": simulator_of(request).deliveries.hurry()}


@router.get("/requests-per-second")
async def show_histogram(request: Request) -> list[dict[str, int]]:
    """Of the last hour of real time: requests by operation and by status."""
    return simulator_of(request).histogram.by_second()


@router.post("/reset", status_code=204)
async def reset(request: Request, keep_webhooks: bool = True) -> None:
    """Forget messages, people, faults and deliveries; the ledger and the clock stay."""
    simulator = simulator_of(request)
    simulator.reset(keep_webhooks=keep_webhooks)
    await simulator.journal.flush()


def _parts(event: RawEvent) -> tuple[str, str, str, bytes]:
    return str(event.body.get("id", "")), event.event_type, event.resource_id, compact(event.body)
