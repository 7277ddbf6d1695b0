"""Requests with an idempotency key: done once, answered alike, whatever happens in between."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from services.console import idempotency
from services.core.domain.access import Role
from services.core.storage import clock, idempotency_keys, tokens
from services.core.storage.models import Campaign, IdempotencyKey
from tests.integration.console.conftest import RunningConsole
from tests.tools.waiting import wait_until

TEXT = "Hi there, time to look at the foundation? Reply STOP to opt out."


def new(name: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, "template_a": TEXT, "audience": {"all": True}} | changes


def keyed(key: str) -> dict[str, str]:
    return {"idempotency-key": key}


def kept(console: RunningConsole, key: str) -> IdempotencyKey | None:
    with console.context.database.reading() as session:
        found: IdempotencyKey | None = session.scalar(select(IdempotencyKey).where(IdempotencyKey.key == key))
        return found


def test_the_same_request_gets_the_same_answer(console: RunningConsole) -> None:
    first = console.post("/campaigns", json=new("once"), headers=keyed("same"))
    again = console.post("/campaigns", json=new("once"), headers=keyed("same"))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers


def test_a_refusal_is_no_act_and_is_judged_again(console: RunningConsole) -> None:
    """What refused a request may pass: a client that repeats it under its key is not told of yesterday's state."""
    console.create_campaign("taken for now")
    headers = keyed("refusal")
    refused = console.post("/campaigns", json=new("taken for now"), headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "name_taken")
    assert kept(console, "refusal") is None
    with console.context.database.transaction() as session:
        session.execute(update(Campaign).where(Campaign.name == "taken for now").values(name="renamed"))
    done = console.post("/campaigns", json=new("taken for now"), headers=headers)
    assert (done.status_code, "idempotency-replayed" in done.headers) == (201, False)
    again = console.post("/campaigns", json=new("taken for now"), headers=headers)
    assert (again.content, again.headers["idempotency-replayed"]) == (done.content, "true")


def test_a_refused_body_leaves_its_key_free(console: RunningConsole) -> None:
    for _ in range(2):
        answer = console.post("/campaigns", json=new("refused", daily_cap=0), headers=keyed("body"))
        assert answer.status_code == 422
    assert console.post("/campaigns", json=new("not refused"), headers=keyed("body")).status_code == 201


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/campaigns", {"json": new("another")}),
        ("/campaigns?x=1", {"json": new("first")}),
        ("/sending/stop", {"json": new("first")}),
        ("/campaigns", {"json": new("first"), "headers": {"if-match": '"1"'}}),
    ],
)
def test_a_key_is_for_one_request(console: RunningConsole, path: str, options: dict[str, Any]) -> None:
    assert console.post("/campaigns", json=new("first"), headers=keyed("taken")).status_code == 201
    headers = keyed("taken") | options.get("headers", {})
    other = console.post(path, **options | {"headers": headers})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


def test_each_token_has_its_own_keys(console: RunningConsole) -> None:
    assert console.post("/campaigns", json=new("mine"), headers=keyed("shared")).status_code == 201
    other = console.post("/campaigns", json=new("theirs"), headers=keyed("shared"), role=Role.OPERATOR)
    assert other.status_code == 201


def test_a_file_counts_by_its_content(console: RunningConsole) -> None:
    first = console.import_csv(b"phone\n2025550143\n", headers=keyed("file"))
    again = console.import_csv(b"phone\n2025550143\n", headers=keyed("file"))
    other = console.import_csv(b"phone\n2025550144\n", headers=keyed("file"))
    assert first.json() == again.json()
    assert other.status_code == 409


def test_one_of_many_at_once_acts(console: RunningConsole) -> None:
    def create(_attempt: int) -> tuple[int, str]:
        answer = console.post("/campaigns", json=new("at once"), headers=keyed("at-once"))
        return answer.status_code, answer.json().get("code", "")

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(create, range(8)))
    assert (201, "") in answers
    assert answers <= {(201, ""), (409, "idempotency_key_in_flight")}
    with console.context.database.reading() as session:
        assert len(session.scalars(select(Campaign).where(Campaign.name == "at once")).all()) == 1


def test_a_request_under_way_is_not_begun_again(console: RunningConsole) -> None:
    """The first request waits for a row that this test holds, so it is certainly under way."""
    created = console.create_campaign("locked")
    path = f"/campaigns/{created['campaign_id']}/cancel"
    with ThreadPoolExecutor(1) as pool:
        with console.context.database.transaction() as session:
            session.get_one(Campaign, created["campaign_id"], with_for_update=True)
            first = pool.submit(console.post, path, headers=keyed("under-way"))
            wait_until(lambda: kept(console, "under-way"))
            second = console.post(path, headers=keyed("under-way"))
        assert (second.status_code, second.json()["code"]) == (409, "idempotency_key_in_flight")
        assert first.result().status_code == 200
    assert console.post(path, headers=keyed("under-way")).status_code == 200


def test_a_key_whose_process_died_is_taken_over(console: RunningConsole) -> None:
    body = b'{"reason": "somebody tripped"}'
    headers = keyed("orphan") | {"content-type": "application/json"}
    assert console.post("/sending/stop", content=body, headers=headers).status_code == 200
    with console.context.database.transaction() as session:
        long_ago = clock.product_now(session) - idempotency.ABANDONED_AFTER - timedelta(seconds=1)
        session.execute(
            update(IdempotencyKey)
            .where(IdempotencyKey.key == "orphan")
            .values(status_code=None, response=None, created_at=long_ago)
        )
    answer = console.post("/sending/stop", content=body, headers=headers)
    assert answer.status_code == 200
    assert "idempotency-replayed" not in answer.headers


def test_a_claim_is_released_once_and_an_answer_stays(console: RunningConsole) -> None:
    with console.context.database.transaction() as session:
        found = tokens.find_live(session, console.tokens["admin"])
        assert found is not None

        def claim() -> idempotency_keys.KeyClaim:
            return idempotency_keys.claim(
                session, token_id=found.id, key="plain", request_hash=b"h", abandoned_after=timedelta(minutes=2)
            )

        assert claim().is_ours
        assert not claim().is_ours
        idempotency_keys.release(session, claim().key_id)
        taken = claim()
        assert taken.is_ours
        idempotency_keys.answer(session, taken.key_id, status_code=200, response={"body": "{}"})
        idempotency_keys.release(session, taken.key_id)
        assert claim().status_code == 200


def test_reads_take_no_key(console: RunningConsole) -> None:
    assert console.get("/sending", headers=keyed("read")).status_code == 200
    assert kept(console, "read") is None
