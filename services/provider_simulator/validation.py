"""Bodies and parameters against the provider's rules, with entries in the style of its validator."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import Request

from services.provider_simulator.errors import ProviderError

Body = dict[str, object]
E164 = re.compile(r"^\+[1-9]\d{1,14}$")
PHONE_NUMBER_ID = re.compile(r"^PN(.*)$")
USER_ID = re.compile(r"^US(.*)$")


@dataclass(slots=True)
class Findings:
    """What is wrong with one request, collected so that the reply names all of it."""

    code: str | None = None
    errors: list[dict[str, object]] = field(default_factory=list)

    def add(self, path: str, message: str, schema_type: str, value: object = None) -> None:
        entry: dict[str, object] = {"path": path, "message": message, "schema": {"type": schema_type}}
        if value is not None:
            entry["value"] = value
        self.errors.append(entry)

    def missing(self, path: str, schema_type: str) -> None:
        self.add(path, "Expected required property", schema_type)
        self.add(path, f"Expected {schema_type.lower()}", schema_type)

    def raise_any(self) -> None:
        """Raises `ProviderError` when something was found."""
        if self.errors:
            message = ", ".join(f"{entry['path']}: {entry['message']}" for entry in self.errors)
            raise ProviderError(400, "Bad Request", message, self.code, self.errors)

    def text(self, body: Mapping[str, object], name: str, *, is_required: bool = False) -> str | None:
        value = body.get(name)
        if isinstance(value, str):
            return value
        if value is not None:
            self.add(f"/{name}", "Expected string", "String", value)
        elif is_required:
            self.missing(f"/{name}", "String")
        return None

    def texts(self, body: Mapping[str, object], name: str, *, is_required: bool = False) -> tuple[str, ...] | None:
        value = body.get(name)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            if not value:
                self.add(f"/{name}", "Expected array length to be greater or equal to 1", "Array", value)
            return tuple(value)
        if value is not None:
            self.add(f"/{name}", "Expected array", "Array", value)
        elif is_required:
            self.missing(f"/{name}", "Array")
        return None

    def number(self, query: Mapping[str, str], name: str, *, default: int, maximum: int) -> int:
        value = query.get(name, str(default))
        if not value.isdecimal() or len(value) > 9:
            self.add(f"/query/{name}", "must be integer", "Integer", value)
            return default
        if not 1 <= int(value) <= maximum:
            rule = f"must be <= {maximum}" if int(value) > maximum else "must be >= 1"
            self.add(f"/query/{name}", rule, "Integer", value)
        return int(value)

    def moment(self, query: Mapping[str, str], name: str) -> datetime | None:
        value = query.get(name)
        try:
            moment = datetime.fromisoformat(value) if value else None
        except ValueError:
            moment = None
        if value and (moment is None or moment.tzinfo is None):
            self.add(f"/query/{name}", "must match format date-time", "String", value)
            return None
        return moment

    def cursor(self, query: Mapping[str, str], name: str) -> int | None:
        value = query.get(name)
        if value is None:
            return None
        if not value.isdecimal():
            self.add(f"/query/{name}", "Invalid cursor", "String", value)
            return None
        return int(value)


async def read_body(request: Request) -> Body | None:
    """The JSON object of the body; None when it is not one."""
    try:
        content = json.loads(await request.body())
        json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


async def require_body(request: Request, code: str | None = None) -> Body:
    """Raises `ProviderError` for a body that is not a JSON object."""
    body = await read_body(request)
    if body is None:
        raise ProviderError(400, "Bad Request", "Expected object", code)
    return body


def only_known(query: Mapping[str, str], known: frozenset[str], findings: Findings) -> None:
    """Refuse operators the endpoint does not have, such as `createdAt[gte]` or `participants[]`."""
    for name in query:
        if "[" in name and name not in known:
            findings.add(f"/query/{name}", "Unsupported operator", "String", query[name])
