"""What every request gets, whatever becomes of it: an id, a span, safe headers, one log line, no stack trace."""

from time import monotonic
from traceback import extract_tb
from typing import Any
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.console.problems import INTERNAL, render
from services.core.runtime import metering, tracing
from services.core.runtime.telemetry import HTTP_SERVER, Attribute, SpanName

log = structlog.get_logger()

EVENT_STREAM = "text/event-stream"
SAFE_HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class Frame:
    """The outermost middleware. The log line names the route's template: an address may hold a phone number."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, answered, status, is_stream = monotonic(), 0.0, 0, False
        request_id = scope.setdefault("state", {})["request_id"] = uuid4().hex

        async def send_framed(message: Message) -> None:
            nonlocal status, answered, is_stream
            if message["type"] == "http.response.start":
                status, answered = message["status"], monotonic()
                headers = MutableHeaders(scope=message)
                is_stream = headers.get("content-type", "").startswith(EVENT_STREAM)
                for name, value in {**SAFE_HEADERS, "x-request-id": request_id}.items():
                    headers.setdefault(name, value)  # a page may name its own policy
            await send(message)

        # A HEAD is answered as its GET is, and the server leaves out the body (RFC 9110, 9.3.2).
        asked: Scope = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        parent = Headers(scope=scope).get("traceparent")
        with tracing.span(SpanName.API_REQUEST, parent=parent, kind=tracing.SpanKind.SERVER) as active:
            try:
                await self._app(asked, receive, send_framed)
            except Exception as error:  # noqa: BLE001 - the last place to answer
                log.error("api.failed", request_id=request_id, **_place(error))
                if status == 0:
                    await render(INTERNAL, request_id=request_id)(scope, receive, send_framed)
            log.info(
                "api.request", request_id=request_id, status=status, method=scope["method"], **_facts(asked, started)
            )
            ended = answered if is_stream else monotonic()  # a page's stream lasts as long as the page is open
            metering.observe(HTTP_SERVER, ended - started, scope["method"], str(status))
            _describe(active, asked, status)


def _describe(active: tracing.ActiveSpan, scope: Scope, status: int) -> None:
    """Name the span by the route's template, since an address may hold a phone number."""
    route = getattr(scope.get("route"), "path", None)
    if route is not None:
        active.rename(f"{scope['method']} {route}")
    active.note(
        {
            Attribute.HTTP_METHOD: scope["method"] if route is not None else "_OTHER",
            Attribute.HTTP_ROUTE: route,
            Attribute.HTTP_STATUS: status,
            Attribute.CALLER_ID: scope["state"].get("caller_id"),
            Attribute.REQUEST_ID: scope["state"]["request_id"],
        }
    )
    if status >= 500:
        active.fail(str(status))


def _facts(scope: Scope, started: float) -> dict[str, Any]:
    return {
        "route": getattr(scope.get("route"), "path", None),
        "caller": scope["state"].get("caller_id"),
        "milliseconds": round((monotonic() - started) * 1000, 1),
    }


def _place(error: Exception) -> dict[str, str]:
    """What failed and where, without the error's own words, which may quote what was sent."""
    last = extract_tb(error.__traceback__)[-1]
    return {"error": type(error).__name__, "where": f"{last.filename}:{last.lineno}"}
