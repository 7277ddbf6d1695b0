"""Endpoints of webhook subscriptions and of their deliveries, on both surfaces."""

from collections.abc import Collection
from datetime import timedelta
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.provider_simulator.checks import DatedRoute, V1Route, simulator_of
from services.provider_simulator.clock import stamp
from services.provider_simulator.deliveries import Delivery
from services.provider_simulator.envelopes import sample_body
from services.provider_simulator.errors import ProviderError
from services.provider_simulator.signing import Scheme
from services.provider_simulator.validation import Body, Findings, only_known, require_body
from services.provider_simulator.webhooks import DATED_EVENTS, LEGACY_EVENTS, LIMIT, Webhook

VALIDATION = "0300400"
TEST_EVENT_ID = "EV00000000000000000000000000000001"
TEST_RESOURCE_ID = "AC00000000000000000000000000000001"
DELIVERY_OPERATORS = frozenset({"createdAt[gt]", "createdAt[lt]"})

v1 = APIRouter(route_class=V1Route)
dated = APIRouter(route_class=DatedRoute)


@v1.post("/v1/webhooks/{family}")
async def create_legacy(request: Request, family: str) -> Response:
    if family not in LEGACY_EVENTS:
        raise _not_found()
    return await _create(request, Scheme.LEGACY, LEGACY_EVENTS[family])


@v1.get("/v1/webhooks")
async def list_legacy(request: Request) -> Response:
    found = simulator_of(request).webhooks.all(Scheme.LEGACY)
    return JSONResponse({"data": [webhook.view(with_key=True) for webhook in found]})


@v1.get("/v1/webhooks/{webhook_id}")
async def show_legacy(request: Request, webhook_id: str) -> Response:
    return JSONResponse({"data": _webhook(request, webhook_id, Scheme.LEGACY).view(with_key=True)})


@v1.delete("/v1/webhooks/{webhook_id}")
async def delete_legacy(request: Request, webhook_id: str) -> Response:
    simulator_of(request).webhooks.delete(_webhook(request, webhook_id, Scheme.LEGACY).id)
    return Response(status_code=204)


@dated.post("/webhooks")
async def create(request: Request) -> Response:
    return await _create(request, Scheme.STANDARD, DATED_EVENTS)


@dated.get("/webhooks")
async def list_webhooks(request: Request) -> Response:
    found = simulator_of(request).webhooks.all(Scheme.STANDARD)
    return JSONResponse({"data": [webhook.view(with_key=False) for webhook in found]})


@dated.get("/webhooks/{webhook_id}")
async def show(request: Request, webhook_id: str) -> Response:
    return JSONResponse({"data": _webhook(request, webhook_id).view(with_key=False)})


@dated.patch("/webhooks/{webhook_id}")
async def change(request: Request, webhook_id: str) -> Response:
    webhook = _webhook(request, webhook_id)
    changes = _valid(await require_body(request, VALIDATION), DATED_EVENTS, is_new=False)
    if not changes:
        raise ProviderError(400, "Bad Request", "Expected at least one property", VALIDATION)
    return JSONResponse({"data": simulator_of(request).webhooks.change(webhook, changes).view(with_key=False)})


@dated.delete("/webhooks/{webhook_id}")
async def delete(request: Request, webhook_id: str) -> Response:
    simulator_of(request).webhooks.delete(_webhook(request, webhook_id).id)
    return Response(status_code=204)


@dated.post("/webhooks/{webhook_id}/rotate")
async def rotate(request: Request, webhook_id: str) -> Response:
    simulator = simulator_of(request)
    overlap = timedelta(seconds=simulator.settings.rotation_overlap)
    return JSONResponse({"data": {"key": simulator.webhooks.rotate(_webhook(request, webhook_id), overlap)}})


@dated.post("/webhooks/{webhook_id}/events/test")
async def send_test(request: Request, webhook_id: str) -> Response:
    """A real signed delivery; every test shares one event id."""
    simulator = simulator_of(request)
    webhook = _webhook(request, webhook_id)
    findings = Findings(VALIDATION)
    event_type = findings.text(await require_body(request, VALIDATION), "eventType", is_required=True)
    if event_type is not None and event_type not in DATED_EVENTS:
        findings.add("/eventType", "Expected union value", "Union", event_type)
    findings.raise_any()
    body = sample_body(str(event_type), TEST_EVENT_ID, simulator.clock.now(), TEST_RESOURCE_ID, simulator.settings)
    simulator.deliveries.post(webhook, TEST_EVENT_ID, str(event_type), TEST_RESOURCE_ID, body)
    return Response(body, media_type="application/json")


@dated.get("/webhooks/{webhook_id}/events")
async def list_deliveries(request: Request, webhook_id: str) -> Response:
    webhook = _webhook(request, webhook_id)
    query = request.query_params
    findings = Findings(VALIDATION)
    only_known(query, DELIVERY_OPERATORS, findings)
    limit = findings.number(query, "limit", default=10, maximum=50)
    after, before = findings.moment(query, "createdAt[gt]"), findings.moment(query, "createdAt[lt]")
    start = findings.cursor(query, "after") or 0
    findings.raise_any()
    found = [
        delivery
        for delivery in simulator_of(request).deliveries.newest_first()
        if delivery.webhook_id == webhook.id
        and query.get("status") in (None, delivery.status)
        and query.get("eventType") in (None, delivery.event_type)
        and query.get("resourceId") in (None, delivery.resource_id)
        and (after is None or delivery.created_at > after)
        and (before is None or delivery.created_at < before)
    ]
    following = str(start + limit) if start + limit < len(found) else None
    shown = [simulator_of(request).deliveries.view(delivery) for delivery in found[start : start + limit]]
    return JSONResponse({"data": shown, "nextCursor": following})


@dated.get("/webhooks/{webhook_id}/events/{delivery_id}")
async def show_delivery(request: Request, webhook_id: str, delivery_id: str) -> Response:
    delivery = _delivery(request, webhook_id, delivery_id)
    attempts = [
        {
            "id": attempt.id,
            "timestamp": stamp(attempt.timestamp),
            "status": attempt.status,
            "responseStatusCode": attempt.response_status,
            "responseBody": attempt.response_body,
            "responseDurationMs": attempt.duration_ms,
            "triggerType": attempt.trigger,
            "url": attempt.url,
        }
        for attempt in delivery.attempts
    ]
    shown = simulator_of(request).deliveries.view(delivery)
    return JSONResponse({"data": shown | {"requestBody": delivery.body, "attempts": attempts}})


@dated.post("/webhooks/{webhook_id}/events/{delivery_id}/retry")
async def retry_delivery(request: Request, webhook_id: str, delivery_id: str) -> Response:
    simulator_of(request).deliveries.retry(_delivery(request, webhook_id, delivery_id))
    return JSONResponse({}, status_code=202)


async def _create(request: Request, scheme: Scheme, events: Collection[str]) -> Response:
    simulator = simulator_of(request)
    fields = _valid(await require_body(request, VALIDATION), events, is_new=True)
    if len(simulator.webhooks.all()) >= LIMIT:
        raise ProviderError(400, "Bad Request", f"At most {LIMIT} webhooks are allowed", VALIDATION)
    webhook = simulator.webhooks.change(simulator.webhooks.create(scheme, url=str(fields["url"]), events=()), fields)
    return JSONResponse({"data": webhook.view(with_key=True)}, status_code=201)


def _valid(body: Body, known_events: Collection[str], *, is_new: bool) -> dict[str, object]:
    """The given fields under the names of `Webhook`. Raises `ProviderError`."""
    findings = Findings(VALIDATION)
    url = findings.text(body, "url", is_required=is_new)
    if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        findings.add("/url", "Expected string to match 'uri' format", "String", url)
    events = findings.texts(body, "events", is_required=is_new)
    for index, event in enumerate(events or ()):
        if event not in known_events:
            findings.add(f"/events/{index}", "Expected union value", "Union", event)
    resource_ids = findings.texts(body, "resourceIds")
    for index, resource_id in enumerate(resource_ids or ()):
        if resource_id != "*" and not resource_id.startswith("PN"):
            findings.add(f"/resourceIds/{index}", "Expected union value", "Union", resource_id)
    status = findings.text(body, "status")
    if status not in (None, "enabled", "disabled"):
        findings.add("/status", "Expected union value", "Union", status)
    label = findings.text(body, "label")
    findings.raise_any()
    given = {"url": url, "events": events, "resource_ids": resource_ids, "status": status, "label": label}
    return {name: value for name, value in given.items() if value is not None}


def _webhook(request: Request, webhook_id: str, scheme: Scheme = Scheme.STANDARD) -> Webhook:
    webhook = simulator_of(request).webhooks.get(webhook_id, scheme)
    if webhook is None:
        raise _not_found()
    return webhook


def _delivery(request: Request, webhook_id: str, delivery_id: str) -> Delivery:
    delivery = simulator_of(request).deliveries.get(delivery_id)
    if delivery is None or delivery.webhook_id != _webhook(request, webhook_id).id:
        raise _not_found()
    return delivery


def _not_found() -> ProviderError:
    return ProviderError(404, "Not Found", "Not Found", "0300404")
