"""What every request to the provider passes, in the documented order, before and after its endpoint.

Unknown routes never come here. Version, key, rate limit; then faults; then validation, rules and the reply.
"""

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Sequence
from random import Random
from typing import Any, cast

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from services.provider_simulator import errors
from services.provider_simulator.envelopes import DATED_VERSION
from services.provider_simulator.errors import ProviderError, Surface
from services.provider_simulator.fault_replies import error_reply, spoil
from services.provider_simulator.faults import RATE_LIMITED_NUMBER, RATE_LIMITED_TIMES, Fault, Kind, Operation, magic_of
from services.provider_simulator.limits import Verdict
from services.provider_simulator.simulator import Simulator
from services.provider_simulator.validation import read_body

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
LIST_FAULTS = {Kind.LIST_LAG, Kind.LIST_OMISSION, Kind.LIST_REPEATED_CURSOR}
DICE = Random(0)


def simulator_of(request: Request) -> Simulator:
    return cast(Simulator, request.app.state.simulator)


def list_fault(request: Request, kind: Kind) -> Fault | None:
    """The list fault of this kind that hit this request."""
    hits: Sequence[Fault] = getattr(request.state, "list_faults", ())
    return next((fault for fault in hits if fault.kind is kind), None)


class V1Route(APIRoute):
    surface = Surface.V1

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        operation = _operation(self)

        async def checked(request: Request) -> Response:
            return await _checked(request, self.surface, operation, handle)

        return checked


class DatedRoute(V1Route):
    surface = Surface.DATED


async def _checked(request: Request, surface: Surface, operation: Operation, handle: Handler) -> Response:
    simulator = simulator_of(request)
    request.state.resets = simulator.resets
    sent = await _record_request(simulator, request) if operation is Operation.SEND else []
    verdict = simulator.limit.untouched()
    try:
        _check_version(request, surface)
        verdict = _check_key_and_rate(simulator, request)
        await _wait(simulator)
        reply = await _answer(simulator, request, surface, operation, sent, handle)
    except ProviderError as error:
        if error.status == 429:
            verdict = Verdict(False, simulator.limit.quota, 0)
        reply = error_reply(error, surface)
    simulator.histogram.add(operation.value, str(reply.status_code))
    reply.headers.update(verdict.headers())
    reply.headers["x-correlation-id"] = uuid.uuid4().hex
    await simulator.journal.flush()
    await simulator.ledger.flush()
    return reply


async def _answer(
    simulator: Simulator,
    request: Request,
    surface: Surface,
    operation: Operation,
    recipients: list[str],
    handle: Handler,
) -> Response:
    faults = simulator.faults.take(operation, recipients)
    magic = magic_of(recipients).fault if operation is Operation.SEND else None
    if magic is not None:
        late = magic.model_copy(update={"seconds": simulator.settings.late_reply})
        faults.append((late if magic.kind is Kind.LATENCY else magic, magic.created == 1))
    if RATE_LIMITED_NUMBER in recipients and _is_rate_limited_again(simulator):
        raise errors.too_many_requests(simulator.settings.retry_after)
    request.state.list_faults = [fault for fault, _ in faults if fault.kind in LIST_FAULTS]
    request.state.is_duplicate = any(fault.kind is Kind.DUPLICATE_ID for fault, _ in faults)
    delays = [(fault, created) for fault, created in faults if fault.kind is Kind.LATENCY]
    spoilt = next(((fault, made) for fault, made in faults if fault.kind not in LIST_FAULTS | {Kind.LATENCY}), None)
    await _sleep([fault for fault, created in delays if not created])
    if request.state.resets != simulator.resets:
        raise ProviderError(503, "Service Unavailable", "The simulator was reset while this request waited")
    reply = await _spoilt(spoilt, surface, operation, request, handle)
    await _sleep([fault for fault, created in delays if created])
    return reply


async def _spoilt(
    spoilt: tuple[Fault, bool] | None, surface: Surface, operation: Operation, request: Request, handle: Handler
) -> Response:
    if spoilt is None:
        return await handle(request)
    fault, created = spoilt
    is_made_anyway = created or operation is not Operation.SEND or fault.kind is Kind.DUPLICATE_ID
    if not is_made_anyway:
        return spoil(fault, surface, Response(b'{"data":{}}', status_code=202, media_type="application/json"))
    return spoil(fault, surface, await handle(request))


async def _record_request(simulator: Simulator, request: Request) -> list[str]:
    """Write the request down as it came; the recipients it names."""
    body = await read_body(request) or {}
    recipients = body.get("to")
    simulator.ledger.request(sender=body.get("from"), recipients=recipients, content=body.get("content"))
    return [item for item in recipients if isinstance(item, str)] if isinstance(recipients, list) else []


def _check_version(request: Request, surface: Surface) -> None:
    if surface is Surface.DATED and request.headers.get("quo-api-version") != DATED_VERSION:
        message = f"Unsupported or missing Quo-Api-Version header. Supported versions: {DATED_VERSION}"
        raise ProviderError(400, "Bad Request", message)


def _check_key_and_rate(simulator: Simulator, request: Request) -> Verdict:
    key = request.headers.get("authorization")
    if key is None:
        raise ProviderError(401, "Unauthorized", "Missing authorization header")
    if key != simulator.settings.api_key:
        raise ProviderError(401, "Unauthorized", "Unauthorized")
    verdict = simulator.limit.spend(key)
    if not verdict.is_allowed:
        raise errors.too_many_requests(simulator.settings.retry_after)
    return verdict


def _is_rate_limited_again(simulator: Simulator) -> bool:
    seen = simulator.rate_limited_sends.get(RATE_LIMITED_NUMBER, 0)
    simulator.rate_limited_sends[RATE_LIMITED_NUMBER] = seen + 1
    return seen < RATE_LIMITED_TIMES


async def _wait(simulator: Simulator) -> None:
    await asyncio.sleep(DICE.uniform(simulator.settings.latency_min, simulator.settings.latency_max))


async def _sleep(delays: list[Fault]) -> None:
    for fault in delays:
        await asyncio.sleep(fault.seconds + DICE.uniform(0, fault.jitter))


def _operation(route: APIRoute) -> Operation:
    return next((Operation(str(tag)) for tag in route.tags if str(tag) in set(Operation)), Operation.OTHER)
