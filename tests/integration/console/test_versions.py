"""ETags: every act on a thing that can be read alone is meant, by `If-Match`, for the version that was read."""

from urllib.parse import quote

import pytest
from sqlalchemy import text

from services.console.routes import ROUTES
from tests.integration.console.acts import ACTS, add_job, new_number
from tests.integration.console.conftest import RunningConsole
from tests.integration.console.test_acts import ROUTE_OF, send, stack_that_runs, state
from tests.tools.routes import address_of, path_of, status_of
from tests.tools.simulator import RunningSimulator

__all__ = ["stack_that_runs"]

READABLE = {path_of(route) for route in ROUTES if route.method == "GET" and route.is_tagged}


def thing_of(path: str) -> str:
    """The address of what an act is done to."""
    return path if path in READABLE else path.rpartition("/")[0]


VERSIONED = [act for act in ACTS if ROUTE_OF[act].takes_version]
NOT_ON_A_VERSION = {
    ("POST", "/campaigns/{campaign_id:id}/clone"): "makes another campaign, and leaves this one as it is",
}


def test_every_act_on_a_readable_thing_takes_a_version() -> None:
    on_things = {act for act in ACTS if thing_of(act[1]) in READABLE}
    assert set(VERSIONED) == on_things - set(NOT_ON_A_VERSION)
    nouns = {act[1].split("/")[1] for act in VERSIONED}
    assert nouns == {"campaigns", "contacts", "jobs", "held", "reviews", "dead-letters", "webhooks"}


@pytest.mark.parametrize("act", VERSIONED, ids=" ".join)
def test_an_act_is_meant_for_the_version_that_was_read(
    console: RunningConsole, simulator: RunningSimulator, act: tuple[str, str]
) -> None:
    request = ACTS[act](console, simulator)
    values = {name: quote(str(value), safe="") for name, value in request.address.items()}
    thing = next(each for each in ROUTES if each.method == "GET" and path_of(each) == thing_of(act[1]))
    address = address_of(thing).format(**values)
    tag = console.get(address).headers["etag"]
    assert console.get(address).headers["etag"] == tag
    before = state(console)
    for stale in (f'"{"0" * 32}"', f"W/{tag}", tag.strip('"')):
        refused = send(console, act, request, headers={"if-match": stale})
        assert (refused.status_code, refused.json()["code"]) == (412, "version_stale")
    assert state(console) == before
    done = send(console, act, request, headers={"if-match": f'"1234", {tag}'})
    assert done.status_code == 200, done.text
    after = console.get(address)
    if "etag" in done.headers and after.status_code == 200:
        assert done.headers["etag"] == after.headers["etag"]


def test_a_change_by_anybody_else_makes_a_version_stale(console: RunningConsole) -> None:
    path = f"/jobs/{quote(add_job(console), safe='')}"
    tag = console.get(path).headers["etag"]
    with console.context.database.transaction() as session:
        session.execute(text("UPDATE jobs SET job_type = 'roof' WHERE id = (SELECT max(id) FROM jobs)"))
    answer = console.call("PATCH", path, json={"cancelled": True}, headers={"if-match": tag})
    assert answer.status_code == 412
    assert console.get(path).json()["cancelled_at"] is None


def test_an_opt_out_makes_a_contacts_version_stale(console: RunningConsole) -> None:
    number = new_number()
    made = console.post("/contacts", json={"number": number})
    console.post("/opt-outs", json={"number": number, "evidence": "by phone"})
    answer = console.post(
        f"/contacts/{number}/erase", json={"reason": "asked"}, headers={"if-match": made.headers["etag"]}
    )
    assert (answer.status_code, answer.json()["code"]) == (412, "version_stale")


def test_the_document_tells_of_versions(console: RunningConsole) -> None:
    paths = console.get("/openapi.json").json()["paths"]
    for route in ROUTES:
        described = paths[route.path_format][route.method.lower()]
        parameters = (
            {parameter["name"] for parameter in described["parameters"]} if "parameters" in described else set()
        )
        takes = route.takes_version
        assert ("if-match" in parameters, "412" in described["responses"]) == (takes, takes), route.path
        headers = described["responses"][str(status_of(route))].get("headers", {})
        assert ("ETag" in headers) == route.is_tagged
