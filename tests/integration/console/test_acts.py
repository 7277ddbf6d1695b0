"""Every act of the API: recorded in its own transaction, done once under its key, answered as it is described."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import func, select, text

from services.console.endpoints import ApiRoute
from services.console.routes import ROUTES
from services.core.storage.models import AuditEntry
from tests.integration.console.acts import ACTS, READS, Request
from tests.integration.console.conftest import RunningConsole
from tests.tools.routes import address_of, path_of, status_of
from tests.tools.rows import warm_limiter
from tests.tools.simulator import RunningSimulator

ROUTE_OF = {(route.method, path_of(route)): route for route in ROUTES}
NOT_THE_ACT = {"audit", "idempotency_keys", "alembic_version"}
FULL = """
CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION refuse();
"""
DIGEST = "SELECT md5(string_agg(row::text, '|' ORDER BY row::text)) FROM {table} AS row"


@pytest.fixture(scope="module", autouse=True)
def stack_that_runs(console: RunningConsole) -> None:
    warm_limiter(console.context)


@pytest.fixture
def without_room_for_the_audit(console: RunningConsole) -> Iterator[Callable[[], None]]:
    """Called, it lets no row into the audit, as a full disk would, until the test ends or it is called again."""

    def execute(statement: str) -> None:
        with console.context.database.transaction() as session:
            session.execute(text(statement))

    yield lambda: execute(FULL)
    execute("DROP TRIGGER IF EXISTS refuse ON audit")


def send(console: RunningConsole, act: tuple[str, str], request: Request, **more: Any) -> httpx.Response:
    address = address_of(ROUTE_OF[act]).format(**{name: quote(str(at)) for name, at in request.address.items()})
    headers = request.options.get("headers", {}) | more.pop("headers", {})
    params = request.options.get("params", {}) | more.pop("params", {})
    options = request.options | more | {"headers": headers, "params": params}
    return console.call(act[0], address, **options)


def state(console: RunningConsole) -> dict[str, str]:
    """A digest of each table's rows, and the depth of each queue."""
    with console.context.database.reading() as session:
        tables = session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
        digests = {
            table: str(session.scalar(text(DIGEST.format(table=table)))) for table in tables if table not in NOT_THE_ACT
        }
    return digests | {depth.queue: str(depth.waiting) for depth in console.context.inspector.depths()}


def webhooks(simulator: RunningSimulator) -> object:
    return simulator.call("GET", "/webhooks").json()


def recorded(console: RunningConsole) -> int:
    with console.context.database.reading() as session:
        return session.scalar(select(func.count()).select_from(AuditEntry)) or 0


def test_the_table_has_every_act() -> None:
    assert set(ACTS) | set(READS) == {act for act in ROUTE_OF if act[0] != "GET"}


@pytest.mark.parametrize("act", ACTS, ids=" ".join)
def test_an_act_without_its_record_is_not_done(
    console: RunningConsole,
    simulator: RunningSimulator,
    without_room_for_the_audit: Callable[[], None],
    act: tuple[str, str],
) -> None:
    request = ACTS[act](console, simulator)
    before, asked = state(console), webhooks(simulator)
    without_room_for_the_audit()
    answer = send(console, act, request)
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert state(console) == before
    assert webhooks(simulator) == asked


@pytest.mark.parametrize("act", ACTS, ids=" ".join)
def test_an_act_is_recorded_once_under_its_key(
    console: RunningConsole, simulator: RunningSimulator, act: tuple[str, str]
) -> None:
    route, request = ROUTE_OF[act], ACTS[act](console, simulator)
    key = {"idempotency-key": f"{act[0]}-{route.name}"}
    records = recorded(console)
    first = send(console, act, request, headers=key)
    assert first.status_code == status_of(route), first.text
    conforms(console, route, first.json())
    with console.context.database.reading() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id).offset(records)).all()
    assert {entry.actor for entry in entries} == {"test-admin"}
    after, records = state(console), recorded(console)

    again = send(console, act, request, headers=key)
    if route.described["x-keeps-answer"]:
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["idempotency-replayed"] == "true"
    else:
        assert (again.status_code, again.json()["code"]) == (409, "answer_not_kept")
    other = send(console, act, request, headers=key, params={"another": "request"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert (state(console), recorded(console)) == (after, records)


def conforms(console: RunningConsole, route: ApiRoute, document: object) -> None:
    """The answer is what the description says, and its example too."""
    described = console.get("/openapi.json").json()
    path = route.path_format
    answer = described["paths"][path][route.method.lower()]["responses"][str(status_of(route))]
    content = answer["content"]["application/json"]
    validator = Draft202012Validator({"components": described["components"], **content["schema"]})
    validator.validate(document)
    validator.validate(content["example"])
