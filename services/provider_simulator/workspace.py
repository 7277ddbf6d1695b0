"""Endpoints that describe the workspace: numbers, users, organization, conversations."""

from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.provider_simulator.checks import DatedRoute, V1Route, simulator_of
from services.provider_simulator.clock import stamp
from services.provider_simulator.errors import ProviderError
from services.provider_simulator.settings import Settings
from services.provider_simulator.validation import Findings

MADE_AT = stamp(datetime(2026, 1, 2, tzinfo=UTC))
UNRESTRICTED = dict.fromkeys(("CA", "Intl", "US"), "unrestricted")
RESTRICTIONS = {"messaging": UNRESTRICTED, "calling": UNRESTRICTED}

v1 = APIRouter(route_class=V1Route)
dated = APIRouter(route_class=DatedRoute)


@v1.get("/v1/phone-numbers")
async def list_numbers(request: Request) -> Response:
    return JSONResponse({"data": [_number(simulator_of(request).settings)]})


@v1.get("/v1/phone-numbers/{phone_number_id}")
async def show_number(request: Request, phone_number_id: str) -> Response:
    settings = simulator_of(request).settings
    _require(settings.phone_number_id, phone_number_id)
    return JSONResponse({"data": _number(settings)})


@v1.get("/v1/users")
async def list_users(request: Request) -> Response:
    findings = Findings("1100400")
    findings.number(request.query_params, "maxResults", default=10, maximum=50)
    findings.raise_any()
    users = [_user(simulator_of(request).settings)]
    return JSONResponse({"data": users, "totalItems": len(users), "nextPageToken": None})


@v1.get("/v1/conversations")
async def list_conversations(request: Request) -> Response:
    findings = Findings("1000400")
    query = request.query_params
    if "maxResults" not in query:
        findings.missing("/query/maxResults", "Integer")
    limit = findings.number(query, "maxResults", default=10, maximum=100)
    start = findings.cursor(query, "pageToken") or 0
    findings.raise_any()
    found = _conversations(request)
    following = str(start + limit) if start + limit < len(found) else None
    return JSONResponse({"data": found[start : start + limit], "totalItems": len(found), "nextPageToken": following})


@dated.get("/phone-numbers")
async def list_numbers_dated(request: Request) -> Response:
    return JSONResponse({"data": [_dated_number(request)], "nextCursor": None})


@dated.get("/phone-numbers/{phone_number_id}")
async def show_number_dated(request: Request, phone_number_id: str) -> Response:
    _require(simulator_of(request).settings.phone_number_id, phone_number_id)
    return JSONResponse({"data": _dated_number(request)})


@dated.get("/phone-numbers/{phone_number_id}/users")
async def list_number_users(request: Request, phone_number_id: str) -> Response:
    settings = simulator_of(request).settings
    _require(settings.phone_number_id, phone_number_id)
    return JSONResponse({"data": [_user(settings)], "nextCursor": None})


@dated.get("/organization")
async def show_organization(request: Request) -> Response:
    organization_id = simulator_of(request).settings.organization_id
    return JSONResponse({"data": {"id": organization_id, "name": "Simulated", "subscriptionStatus": "active"}})


def _require(known: str, given: str) -> None:
    if known != given:
        raise ProviderError(404, "Not Found", "Phone number not found", "0400404")


def _number(settings: Settings) -> dict[str, object]:
    return {
        "id": settings.phone_number_id,
        "groupId": None,
        "portRequestId": None,
        "formattedNumber": settings.phone_number,
        "forward": None,
        "name": "Simulated number",
        "number": settings.phone_number,
        "portingStatus": None,
        "symbol": None,
        "users": [_user(settings)],
        "createdAt": MADE_AT,
        "updatedAt": MADE_AT,
        "restrictions": RESTRICTIONS,
    }


def _dated_number(request: Request) -> dict[str, object]:
    settings = simulator_of(request).settings
    number: dict[str, object] = {
        "id": settings.phone_number_id,
        "phoneNumber": settings.phone_number,
        "name": "Simulated number",
        "createdAt": MADE_AT,
        "updatedAt": MADE_AT,
    }
    if request.query_params.get("include") == "restrictions":
        number["restrictions"] = RESTRICTIONS
    return number


def _user(settings: Settings) -> dict[str, object]:
    return {
        "id": settings.user_id,
        "email": "owner@example.com",
        "firstName": "Olive",
        "lastName": "Owner",
        "pictureUrl": None,
        "role": "owner",
        "groupId": None,
        "createdAt": MADE_AT,
        "updatedAt": MADE_AT,
    }


def _conversations(request: Request) -> list[dict[str, object]]:
    """Derived from the messages, the latest activity first."""
    found: dict[str, dict[str, object]] = {}
    for message in simulator_of(request).messages.newest_first():
        at = stamp(message.created_at)
        latest: dict[str, object] = {
            "id": message.conversation_id,
            "phoneNumberId": message.phone_number_id,
            "participants": list(message.participants),
            "name": None,
            "assignedTo": None,
            "deletedAt": None,
            "lastActivityAt": at,
            "lastActivityId": message.id,
            "mutedUntil": None,
            "snoozedUntil": None,
            "updatedAt": at,
        }
        found.setdefault(message.conversation_id, latest)["createdAt"] = at
    return list(found.values())
