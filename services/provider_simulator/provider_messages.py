"""Endpoints that send, list and show messages, on both surfaces."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.provider_simulator.checks import DatedRoute, V1Route, list_fault, simulator_of
from services.provider_simulator.errors import ProviderError, refused
from services.provider_simulator.faults import Kind, Operation, magic_of
from services.provider_simulator.messages import Direction, Message, Status, page
from services.provider_simulator.simulator import Simulator
from services.provider_simulator.validation import (
    E164,
    PHONE_NUMBER_ID,
    USER_ID,
    Body,
    Findings,
    only_known,
    require_body,
)

MAX_CONTENT, MAX_RECIPIENTS, MAX_UNPLUSSED = 1600, 10, 15
V1_VALIDATION = "0200400"
DATED_OPERATORS = frozenset({"to[all]", "createdAt[gt]", "createdAt[lt]"})

v1 = APIRouter(route_class=V1Route)
dated = APIRouter(route_class=DatedRoute)


@v1.post("/v1/messages", tags=[Operation.SEND])
async def send(request: Request) -> Response:
    simulator = simulator_of(request)
    body = await require_body(request, V1_VALIDATION)
    recipients, content = _valid_send(body)
    user_id = _check_rules(simulator, body, recipients)
    earlier = next(simulator.messages.newest_first(), None) if request.state.is_duplicate else None
    message = await simulator.life.accept(recipients, content, user_id)
    shown = message.view() | ({"id": earlier.id} if earlier else {})
    return JSONResponse({"data": shown | {"status": Status.QUEUED}}, status_code=202)


@v1.get("/v1/messages", tags=[Operation.LIST])
async def list_v1(request: Request) -> Response:
    query = request.query_params
    findings = Findings(V1_VALIDATION)
    only_known(query, frozenset(), findings)
    participants = set(query.getlist("participants"))
    for name in ("phoneNumberId", "maxResults", "participants"):
        if not query.get(name) and name + "[]" not in query:
            findings.missing(f"/query/{name}", "Array" if name == "participants" else "String")
    limit = findings.number(query, "maxResults", default=10, maximum=100)
    after, before = findings.moment(query, "createdAfter"), findings.moment(query, "createdBefore")
    before = before or findings.moment(query, "since")
    cursor = findings.cursor(query, "pageToken")
    findings.raise_any()

    def matches(message: Message) -> bool:
        is_thread = set(message.participants) == participants
        of_user = query.get("userId") in (None, message.user_id)
        of_number = query["phoneNumberId"] == message.phone_number_id
        return is_thread and of_user and of_number and _is_between(message, after, before)

    shown, following = _listed(request, matches, limit=limit, cursor=cursor, participant=min(participants))
    found = [message.view() for message in shown]
    return JSONResponse({"data": found, "totalItems": len(found), "nextPageToken": following})


@v1.get("/v1/messages/{message_id}", tags=[Operation.READ])
async def show_v1(request: Request, message_id: str) -> Response:
    return JSONResponse({"data": _found(request, message_id).view()})


@dated.get("/messages", tags=[Operation.LIST])
async def list_dated(request: Request) -> Response:
    query = request.query_params
    findings = Findings()
    only_known(query, DATED_OPERATORS, findings)
    limit = findings.number(query, "limit", default=10, maximum=50)
    after, before = findings.moment(query, "createdAt[gt]"), findings.moment(query, "createdAt[lt]")
    cursor = findings.cursor(query, "after")
    findings.raise_any()
    exactly = set(query["to[all]"].split(",")) if "to[all]" in query else None

    def matches(message: Message) -> bool:
        recipients = set(message.recipients)
        given = {"from": message.sender, "status": message.status, "direction": message.direction}
        given |= {"phoneNumberId": message.phone_number_id, "userId": message.user_id}
        is_addressed = query.get("to", message.recipients[0]) in recipients and exactly in (None, recipients)
        as_asked = all(query.get(name) in (None, value) for name, value in given.items())
        return is_addressed and as_asked and _is_between(message, after, before)

    participant = query.get("to") if query.get("direction") == Direction.OUTGOING else None
    shown, following = _listed(request, matches, limit=limit, cursor=cursor, participant=participant)
    return JSONResponse({"data": [message.dated_view() for message in shown], "nextCursor": following})


@dated.get("/messages/{message_id}", tags=[Operation.READ])
async def show_dated(request: Request, message_id: str) -> Response:
    return JSONResponse({"data": _found(request, message_id).dated_view()})


@dated.post("/messages/{message_id}/retry")
async def retry(request: Request, message_id: str) -> Response:
    message = _found(request, message_id)
    if message.status is not Status.FAILED or message.error_code is not None:
        raise ProviderError(422, "Unprocessable Entity", "The message cannot be retried")
    simulator_of(request).life.retry(message)
    return JSONResponse({}, status_code=202)


def _valid_send(body: Body) -> tuple[list[str], str]:
    findings = Findings(V1_VALIDATION)
    content = findings.text(body, "content", is_required=True)
    if content is not None and len(content.encode("utf-16-le")) // 2 > MAX_CONTENT:
        rule = f"Expected string length less or equal to {MAX_CONTENT}"
        findings.add("/content", rule, "String")
    if content is not None and not content.strip():
        findings.add("/content", r"Expected string to match '.*\S.*'", "String", content)
    sender = findings.text(body, "from", is_required="phoneNumberId" not in body)
    if sender is not None and not (PHONE_NUMBER_ID.match(sender) or E164.match(sender)):
        findings.add("/from", "Expected union value", "Union", sender)
    recipients = findings.texts(body, "to", is_required=True) or ()
    if len(recipients) > MAX_RECIPIENTS:
        findings.add("/to", f"Expected array length to be less or equal to {MAX_RECIPIENTS}", "Array")
    for index, recipient in enumerate(recipients):
        if not E164.match(recipient) and (not recipient or len(recipient) > MAX_UNPLUSSED):
            findings.add(f"/to/{index}", "Expected union value", "Union", recipient)
    user_id = findings.text(body, "userId")
    if user_id is not None and not USER_ID.match(user_id):
        findings.add("/userId", "Expected string to match '^US(.*)$'", "String", user_id)
    if body.get("setInboxStatus") not in (None, "done"):
        findings.add("/setInboxStatus", "Expected 'done'", "Literal", body["setInboxStatus"])
    findings.raise_any()
    return list(recipients), content or ""


def _check_rules(simulator: Simulator, body: Body, recipients: list[str]) -> str:
    """The user who sends. Raises `ProviderError`."""
    settings = simulator.settings
    if body.get("from", body.get("phoneNumberId")) not in (settings.phone_number_id, settings.phone_number):
        raise refused("not_found")
    user_id = str(body.get("userId") or settings.user_id)
    if user_id != settings.user_id:
        raise refused("not_phone_number_user")
    if any(not E164.match(number) and not (number.isdecimal() and 3 <= len(number) <= 6) for number in recipients):
        raise refused("invalid_number")
    if refusal := magic_of(recipients).refusal:
        raise refused(refusal)
    if simulator.contacts.opted_out.intersection(recipients):
        raise refused("opted_out")
    return user_id


def _found(request: Request, message_id: str) -> Message:
    if not message_id.startswith("AC"):
        findings = Findings()
        findings.add("/messageId", "Expected string to match '^AC(.*)$'", "String", message_id)
        findings.raise_any()
    message = simulator_of(request).messages.get(message_id)
    if message is None:
        raise refused("not_found")
    return message


def _is_between(message: Message, after: datetime | None, before: datetime | None) -> bool:
    return (after is None or message.created_at > after) and (before is None or message.created_at < before)


def _listed(
    request: Request,
    matches: Callable[[Message], bool],
    *,
    limit: int,
    cursor: int | None,
    participant: str | None,
) -> tuple[list[Message], str | None]:
    """One page of the list as the faults of the moment let it be seen."""
    simulator = simulator_of(request)
    lag, omission = list_fault(request, Kind.LIST_LAG), list_fault(request, Kind.LIST_OMISSION)
    shown_until = simulator.clock.now() - timedelta(seconds=lag.seconds if lag else 0)

    def is_shown(message: Message) -> bool:
        is_omitted = omission is not None and Random(f"{omission.seed}:{message.id}").random() < omission.share
        is_late = message.listed_from > shown_until and message.direction is Direction.OUTGOING
        return not is_late and not is_omitted and matches(message)

    found = simulator.messages.newest_first(participant)
    shown, following = page(found, limit=limit, before=cursor, is_shown=is_shown)
    if cursor is not None and list_fault(request, Kind.LIST_REPEATED_CURSOR):
        following = cursor
    return shown, None if following is None else str(following)
