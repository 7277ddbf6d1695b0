"""What each noun of the API does: the answer, what it leaves in the database, and the audit row beside it."""

import hashlib
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import select, text

from services.console import body
from services.console.routes import ROUTES
from services.core.domain.access import Role
from services.core.queue.names import Queue, TaskName
from services.core.storage.models import Attempt, Campaign, IdempotencyKey, Look, Message
from tests.integration.console.conftest import RunningConsole
from tests.tools.routes import path_of
from tests.tools.rows import add_letter
from tests.tools.simulator import RunningSimulator
from tests.tools.waiting import wait_until

CSV = (
    b"phone,first_name,state,opted_out\n(202) 555-0111,Ada,DC,\n12025550112,Bo,DC,yes\n911,Cy,,\n202-555-0111,Ada,DC,\n"
)


def import_contacts(console: RunningConsole, content: bytes = CSV) -> int:
    answer = console.import_csv(content)
    assert answer.status_code == 201, answer.text
    import_id: int = answer.json()["import_id"]
    assert console.post(f"/contacts/imports/{import_id}/confirm").status_code == 200
    return import_id


def planned(console: RunningConsole, name: str, **changes: object) -> tuple[str, str]:
    """A planned campaign's path, and its plan's hash."""
    path = f"/campaigns/{console.create_campaign(name, **changes)['campaign_id']}"
    return path, console.post(f"{path}/plan").json()["plan_hash"]


def waits_for_a_lock(console: RunningConsole) -> bool:
    with console.context.database.reading() as session:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return bool(session.scalar(text(query)))


@pytest.fixture(scope="module")
def campaign_path(console: RunningConsole) -> str:
    rows = "".join(f"20255502{number:02d}\n" for number in range(25))
    import_id = import_contacts(console, f"phone\n{rows}".encode())
    path, plan_hash = planned(console, "listed", audience={"import": import_id})
    console.post(f"{path}/start", json={"plan_hash": plan_hash})
    return path


LARGE = b"phone,notes\n" + b"2125550147,%s\n" % (b"x" * 9_000) * 500


class TestContacts:
    def test_an_import_has_two_steps(self, console: RunningConsole) -> None:
        report = console.import_csv(CSV, role=Role.OPERATOR).json()
        assert report["status"] == "dry_run"
        assert report["rows"] == 4 == sum(report[name] for name in ("accepted", "merged", "rejected", "suppressed"))
        assert report["rejections"] == {"not_textable": 1}
        address = f"/contacts/imports/{report['import_id']}"
        assert console.get(address, role=Role.VIEWER).json() == report
        assert console.get("/contacts/+12025550111").status_code == 404
        confirmed = console.post(f"{address}/confirm").json()
        at, foreseen = confirmed["confirmed_at"], confirmed["foreseen"]
        assert confirmed == report | {"status": "confirmed", "confirmed_at": at, "foreseen": foreseen}
        assert at is not None
        assert foreseen == {name: report[name] for name in ("accepted", "merged", "rejected", "suppressed")}
        assert console.post(f"{address}/confirm").json() == confirmed
        assert console.get("/contacts/+12025550111").json()["first_name"] == "Ada"
        assert console.get("/contacts/+12025550112").json()["opted_out_at"] is not None
        assert [entry.subject_id for entry in console.audit("import.confirmed")] == [report["import_id"]]
        assert console.audit("import.read")[0].actor == "test-operator"

    def test_refused_rows_are_listed_and_exported_and_a_dry_run_discarded(self, console: RunningConsole) -> None:
        report = console.import_csv(b"Phone,first_name\n212-555-014,Ann\n2125550147,Bob\n=1,Eve\n").json()
        address = f"/contacts/imports/{report['import_id']}"
        page = console.get(f"{address}/rows", params={"outcome": "rejected", "limit": 1}, role=Role.VIEWER).json()
        wrong = {"line": 2, "outcome": "rejected", "reason": "too_short", "column": "Phone", "value": "•••-•••-•14"}
        assert page["items"] == [wrong | {"phone": None, "warnings": [], "mark_line": None}]
        rest = console.get(f"{address}/rows", params={"outcome": "rejected", "limit": 1, "cursor": page["next"]}).json()
        assert [row["line"] for row in rest["items"]] == [4]
        written = console.get(f"{address}/rows/export", params={"outcome": "rejected"}).content.decode("utf-8-sig")
        assert written.splitlines()[2].startswith('"4","rejected","not_a_number","Phone","\'=1"')
        assert report["import_id"] in [each["import_id"] for each in console.get("/contacts/imports").json()["items"]]
        assert console.post(f"{address}/discard").json()["status"] == "cancelled"
        assert console.post(f"{address}/confirm").status_code == 409

    def test_a_file_without_room_on_the_disk_is_refused_with_the_remedy(self, console: RunningConsole) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3 * 1024 * 1024, hard))
        try:
            answer = console.import_csv(LARGE)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (answer.status_code, answer.json()["code"]) == (507, "no_room")
        assert "split it" in answer.json()["detail"]
        assert console.import_csv(LARGE).status_code == 201

    def test_a_refusal_waits_until_the_sender_has_written(
        self, console: RunningConsole, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The kind: an answer that is lost, since the connection ends under somebody who still writes."""
        monkeypatch.setattr(body, "ROOM", body.Room(body.IN_MEMORY + 1))
        written = []

        def pieces() -> Iterator[bytes]:
            for _ in range(8):
                written.append(body.IN_MEMORY)
                yield b"x" * body.IN_MEMORY

        answer = console.import_csv(pieces(), params={"file_name": "large.csv"})
        assert (answer.status_code, answer.json()["code"]) == (503, "uploads_busy")
        assert len(written) == 8

    def test_large_files_take_turns(self, console: RunningConsole, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(body, "ROOM", body.Room(len(LARGE)))
        before = body.Upload()
        before.write(b"x" * (body.IN_MEMORY + 1))
        answer = console.import_csv(LARGE)
        assert (answer.status_code, answer.json()["code"]) == (503, "uploads_busy")
        before.close()
        assert console.import_csv(LARGE).status_code == 201

    def test_a_file_is_streamed_in_pieces(self, console: RunningConsole) -> None:
        rows = (f"+1202556{number:04d},Ada\n".encode() for number in range(5000))
        answer = console.import_csv(b"".join([b"phone,first_name\n", *rows]), params={"file_name": "large.csv"})
        assert answer.json()["rows"] == 5000

        def pieces() -> Iterator[bytes]:
            yield b"phone,first_"
            yield b"name\n+1202557"
            yield b"0001,Ada\n"

        assert console.import_csv(pieces()).json()["rows"] == 1

    def test_who_was_erased_since_the_dry_run_is_not_taken_over(self, console: RunningConsole) -> None:
        console.post("/contacts", json={"number": "2025550190"})
        import_id = console.import_csv(b"phone\n2025550190\n2025550191\n").json()["import_id"]
        assert console.post("/contacts/+12025550190/erase", json={"reason": "by letter"}).status_code == 200
        assert console.post(f"/contacts/imports/{import_id}/confirm").status_code == 200
        assert console.get("/contacts/+12025550190").status_code == 404
        assert console.get("/contacts/+12025550191").status_code == 200

    def test_one_is_added_once(self, console: RunningConsole) -> None:
        new = {"number": "(202) 555-0143", "first_name": "Grace", "state": "NY", "fields": {"roof": "slate"}}
        added = console.post("/contacts", json=new, role=Role.OPERATOR)
        assert added.status_code == 201
        assert added.json()["e164"] == "+12025550143"
        again = console.post("/contacts", json=new)
        assert (again.status_code, again.json()["code"], again.json()["pointer"]) == (409, "contact_known", "/phone")
        for key in (added.json()["contact_id"], "+12025550143"):
            assert console.get(f"/contacts/{key}").json() == added.json()
        assert console.audit("contact.added")[-1].subject_id == added.json()["contact_id"]


class TestOptOuts:
    def test_a_number_is_opted_out_by_hand(self, console: RunningConsole) -> None:
        answer = console.post("/opt-outs", json={"number": "202 555 0150", "evidence": "asked on the phone"})
        assert answer.status_code == 201
        assert answer.json()["opted_out_at"] is not None
        listed = console.get("/opt-outs", role=Role.VIEWER).json()["items"][-1]
        assert (listed["e164"], listed["source"], listed["evidence"]) == (
            "+12025550150",
            "operator",
            "asked on the phone",
        )
        assert console.audit("opt_out.added")[-1].subject_id == answer.json()["contact_id"]

    def test_what_waits_for_the_number_is_skipped(self, console: RunningConsole) -> None:
        import_id = import_contacts(console, b"phone\n2025550151\n")
        path, plan_hash = planned(console, "before the opt-out", audience={"import": import_id})
        assert console.post(f"{path}/start", json={"plan_hash": plan_hash}).json()["messages"] == {"pending": 1}
        console.post("/opt-outs", json={"number": "2025550151", "evidence": "asked by letter"})
        assert console.get(path).json()["messages"] == {"skipped": 1}


class TestCampaigns:
    def test_from_a_draft_to_its_end(self, console: RunningConsole) -> None:
        import_id = import_contacts(console, b"phone\n2025550161\n2025550162\n")
        created = console.create_campaign(
            "spring",
            audience={"import": import_id},
            batch_every="PT5M",
            ends_at="2099-03-02T13:00:00-05:00",
            window={"opens": "09:00", "closes": "17:00"},
        )
        path = f"/campaigns/{created['campaign_id']}"
        assert (created["status"], created["version"], created["plan"]) == ("draft", 1, None)
        plan = console.post(f"{path}/plan").json()
        assert plan["recipients"] == 2
        started = console.post(f"{path}/start", json={"plan_hash": plan["plan_hash"]}, role=Role.OPERATOR)
        assert started.json()["status"] == "running"
        assert started.json()["messages"] == {"pending": 2}
        again = console.post(f"{path}/start", json={"plan_hash": plan["plan_hash"]})
        assert (again.status_code, again.json()) == (200, started.json())
        assert console.post(f"{path}/pause").json()["status"] == "paused"
        assert console.post(f"{path}/resume").json()["status"] == "running"
        ended = console.post(f"{path}/cancel").json()
        assert (ended["status"], ended["messages"]) == ("cancelled", {"skipped": 2})
        refused = console.post(f"{path}/resume")
        assert (refused.status_code, refused.json()["code"]) == (409, "campaign_state")
        for act in ("created", "planned", "started", "paused", "resumed", "cancelled"):
            assert created["campaign_id"] in [entry.subject_id for entry in console.audit(f"campaign.{act}")]

    def test_only_the_plan_that_was_read_is_started(self, console: RunningConsole) -> None:
        path, plan_hash = planned(console, "approved")
        wrong = console.post(f"{path}/start", json={"plan_hash": hashlib.sha256(b"another").hexdigest()})
        assert (wrong.status_code, wrong.json()["code"], wrong.json()["pointer"]) == (409, "plan_changed", "/plan_hash")
        assert console.post(f"{path}/start", json={"plan_hash": plan_hash[:-1]}).status_code == 422

    def test_a_taken_name(self, console: RunningConsole) -> None:
        console.create_campaign("taken")
        again = console.post(
            "/campaigns", json={"name": "taken", "template_a": "Reply STOP to opt out.", "audience": {"all": True}}
        )
        assert (again.status_code, again.json()["code"]) == (409, "name_taken")


class TestVersions:
    def test_a_change_is_meant_for_the_version_that_was_read(self, console: RunningConsole) -> None:
        created = console.create_campaign("versions")
        path = f"/campaigns/{created['campaign_id']}"
        tag = console.get(path).headers["etag"]
        assert tag == '"1"'
        assert console.post(f"{path}/plan", headers={"if-match": tag}).status_code == 200
        stale = console.post(f"{path}/plan", headers={"if-match": tag})
        assert (stale.status_code, stale.json()["code"]) == (412, "version_stale")
        cancelled = console.post(f"{path}/cancel", headers={"if-match": '"1", "2"'})
        assert (cancelled.status_code, cancelled.headers["etag"]) == (200, '"3"')
        for accepted in ('"3"', "*", '"2" ,"3"'):
            assert console.post(f"{path}/cancel", headers={"if-match": accepted}).status_code == 200
        for refused in ("2", 'W/"3"', '"x"', ""):
            assert console.post(f"{path}/cancel", headers={"if-match": refused}).status_code == 412
        assert console.post("/campaigns/999999/cancel", headers={"if-match": '"1"'}).status_code == 404

    def test_the_version_is_compared_when_the_row_is_ours(self, console: RunningConsole) -> None:
        """The request has passed everything but the row's lock, which this test holds, when the version changes."""
        created = console.create_campaign("versions in a race")
        path = f"/campaigns/{created['campaign_id']}"
        with ThreadPoolExecutor(1) as pool:
            with console.context.database.transaction() as session:
                campaign = session.get_one(Campaign, created["campaign_id"], with_for_update=True)
                waiting = pool.submit(console.post, f"{path}/cancel", headers={"if-match": '"1"'})
                wait_until(lambda: waits_for_a_lock(console))
                campaign.version += 1
            stale = waiting.result()
        assert (stale.status_code, stale.json()["code"]) == (412, "version_stale")
        assert console.get(path).json()["status"] == "draft"

    def test_of_many_with_one_version_one_acts(self, console: RunningConsole) -> None:
        created = console.create_campaign("versions for many")
        path = f"/campaigns/{created['campaign_id']}/plan"
        with ThreadPoolExecutor(6) as pool:
            answers = pool.map(lambda _: console.post(path, headers={"if-match": '"1"'}).status_code, range(6))
        assert sorted(answers) == [200, *[412] * 5]


class TestMessages:
    def test_a_list_in_pages(self, console: RunningConsole, campaign_path: str) -> None:
        query = {"campaign_id": campaign_path.rpartition("/")[2], "status": "pending", "limit": 10}
        sizes, seen, cursor = [], [], None
        while True:
            page = console.get("/messages", params=query | ({"cursor": cursor} if cursor else {})).json()
            sizes.append(len(page["items"]))
            seen += [item["message_id"] for item in page["items"]]
            if (cursor := page["next"]) is None:
                break
        assert sizes == [10, 10, 5]
        assert len(set(seen)) == 25
        assert seen == sorted(seen)
        first = page["items"][0]
        assert first == console.get(f"/messages/{first['message_id']}").json()

    def test_a_cursor_belongs_to_its_list(self, console: RunningConsole, campaign_path: str) -> None:
        campaign_id = campaign_path.rpartition("/")[2]
        cursor = console.get("/messages", params={"campaign_id": campaign_id, "limit": 1}).json()["next"]
        swapped = ("B" if cursor[0] == "A" else "A") + cursor[1:]
        assert console.get("/messages", params={"campaign_id": campaign_id, "cursor": cursor}).status_code == 200
        for path, query in (
            ("/messages", {"cursor": cursor}),
            ("/messages", {"campaign_id": campaign_id, "status": "held", "cursor": cursor}),
            ("/campaigns", {"cursor": cursor}),
            ("/messages", {"campaign_id": campaign_id, "cursor": swapped}),
        ):
            answer = console.get(path, params=query)
            assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")

    @pytest.mark.usefixtures("campaign_path")
    def test_by_number_and_one_by_one(self, console: RunningConsole) -> None:
        (found,) = console.get("/messages", params={"e164": "+12025550207"}).json()["items"]
        shown = console.get(f"/messages/{found['message_id']}").json()
        assert shown["body"].startswith("Hi there")
        why = console.get(f"/messages/{found['message_id']}/why").json()
        assert (why["campaign"], why["status"]) == ("listed", "pending")
        assert {step["what"] for step in why["steps"]} == {"waits"}

    @pytest.mark.usefixtures("campaign_path")
    def test_held_ones_come_with_their_evidence(self, console: RunningConsole) -> None:
        (found,) = console.get("/messages", params={"e164": "+12025550208"}).json()["items"]
        message_id = found["message_id"]
        assert console.get(f"/held/{message_id}").status_code == 409
        with console.context.database.transaction() as session:
            message = session.get_one(Message, message_id)
            message.status, message.attempts = "held", 1
            at = message.created_at
            attempt = Attempt(message_id=message_id, number=1, fence=1, started_at=at)
            session.add(attempt)
            session.flush()
            session.add(
                Look(
                    attempt_id=attempt.id, at=at + timedelta(minutes=1), listed=3, candidates=["AC1"], control_seen=True
                )
            )
        assert [item["message_id"] for item in console.get("/held").json()["items"]] == [message_id]
        (attempt,) = console.get(f"/held/{message_id}").json()["attempts"]
        assert (attempt["number"], attempt["outcome"]) == (1, None)
        assert [(look["listed"], look["candidates"], look["control_seen"]) for look in attempt["looks"]] == [
            (3, ["AC1"], True)
        ]


class TestDeadLetters:
    def add(self, console: RunningConsole, task: str = TaskName.RECONCILE_MESSAGE) -> int:
        return add_letter(console.context, task)

    def test_a_dry_run_changes_nothing_and_a_replay_happens_once(self, console: RunningConsole) -> None:
        letter_id = self.add(console)
        path, before = f"/dead-letters/{letter_id}/replay", console.context.inspector.waiting(Queue.DEFAULT)
        assert console.post(path, json={"dry_run": True}).json()["replayed_at"] is None
        assert console.context.inspector.waiting(Queue.DEFAULT) == before
        assert letter_id in [item["letter_id"] for item in console.get("/dead-letters").json()["items"]]
        assert console.post(path, json={}).json()["replayed_at"] is not None
        assert console.context.inspector.waiting(Queue.DEFAULT) == before + 1
        again = console.post(path, json={})
        assert (again.status_code, again.json()["code"]) == (409, "dead_letter_closed")
        assert [entry.actor for entry in console.audit("dead_letter.replayed")] == ["test-admin"]

    def test_one_is_discarded_with_a_note(self, console: RunningConsole) -> None:
        path = f"/dead-letters/{self.add(console)}/discard"
        assert console.post(path, json={"note": " "}).json()["pointer"] == "/note"
        assert console.post(path, json={"note": "of no use"}).json()["discarded_at"] is not None

    def test_they_are_listed_in_pages(self, console: RunningConsole) -> None:
        letters = [self.add(console) for _ in range(3)]
        first = console.get("/dead-letters", params={"limit": 2}).json()
        rest = console.get("/dead-letters", params={"cursor": first["next"]}).json()
        listed = [item["letter_id"] for item in first["items"] + rest["items"]]
        assert set(letters) <= set(listed)
        assert listed == sorted(set(listed))


class TestSchedule:
    def test_a_job_is_run_paused_and_resumed(self, console: RunningConsole) -> None:
        names = {job["name"] for job in console.get("/schedule").json()["items"]}
        assert "queue_daily_campaigns" in names
        runs = [console.post("/schedule/queue_daily_campaigns/run-now").json()["run_id"] for _ in range(3)]
        first = console.get("/schedule/queue_daily_campaigns/runs", params={"limit": 2}).json()
        rest = console.get("/schedule/queue_daily_campaigns/runs", params={"cursor": first["next"]}).json()
        assert [run["run_id"] for run in first["items"] + rest["items"]] == runs[::-1]
        paused = console.post("/schedule/queue_daily_campaigns/pause").json()
        assert paused["paused_by"] == "test-admin"
        assert console.post("/schedule/queue_daily_campaigns/resume").json()["paused_at"] is None


class TestInstallation:
    def test_sending_is_stopped_by_operators_and_resumed_by_admins(self, console: RunningConsole) -> None:
        stopped = console.post("/sending/stop", json={"reason": "wrong list"}, role=Role.OPERATOR).json()
        assert (stopped["stopped_by"], stopped["reason"]) == ("test-operator", "wrong list")
        assert console.get("/sending").json() == stopped
        assert console.post("/sending/resume").json()["stopped_at"] is None
        assert len(console.audit("sending.stopped")) == len(console.audit("sending.resumed")) == 1

    def test_queues(self, console: RunningConsole) -> None:
        answer = console.get("/queues").json()
        assert {row["queue"] for row in answer["queues"]} == set(Queue)
        assert {row["pool"] for row in answer["pools"]} == {"campaign", "webhook", "operations"}

    def test_health(self, console: RunningConsole) -> None:
        answer = console.get("/health")
        assert answer.status_code == 200
        parts = {part["name"]: part for part in answer.json()["parts"]}
        assert parts["database"]["well"]
        assert not parts["beat"]["well"]
        assert parts["beat"]["remedy"]
        assert answer.json()["healthy"] is False

    def test_both_clocks_move_forward(self, console: RunningConsole, simulator: RunningSimulator) -> None:
        reached = timedelta(seconds=simulator.control("GET", "/clock").json()["offset_seconds"])
        before = console.get("/clock").json()
        to = datetime.fromisoformat(before["real_now"]) + reached + timedelta(hours=1)
        moved = console.post("/clock", json={"to": to.isoformat()})
        assert moved.status_code == 200
        assert datetime.fromisoformat(moved.json()["product_now"]) >= to
        theirs = datetime.fromisoformat(simulator.control("GET", "/clock").json()["now"])
        assert abs(theirs - datetime.fromisoformat(console.get("/clock").json()["product_now"])) < timedelta(minutes=5)
        back = console.post("/clock", json={"to": before["product_now"]})
        assert (back.status_code, back.json()["code"]) == (422, "clock_backwards")


class TestTokens:
    def test_one_is_made_used_listed_and_revoked(self, console: RunningConsole) -> None:
        made = console.post("/tokens", json={"name": "night shift", "role": "viewer"})
        assert made.status_code == 201
        headers = {"authorization": f"Bearer {made.json()['token']}"}
        assert console.get("/sending", role=None, headers=headers).status_code == 200
        listed = console.get("/tokens")
        assert "night shift" in [token["name"] for token in listed.json()["items"]]
        assert made.json()["token"] not in listed.text
        assert console.post("/tokens/night shift/revoke").json()["revoked_at"] is not None
        assert console.get("/sending", role=None, headers=headers).status_code == 401
        assert console.post("/tokens/night shift/revoke").status_code == 404
        assert [entry.actor for entry in console.audit("token.created")] == ["test-admin"]

    def test_a_secret_is_told_once_and_never_kept(self, console: RunningConsole) -> None:
        headers, wanted = {"idempotency-key": "of-a-token"}, {"name": "kept", "role": "viewer"}
        secret = console.post("/tokens", json=wanted, headers=headers).json()["token"]
        again = console.post("/tokens", json=wanted, headers=headers)
        assert (again.status_code, again.json()["code"]) == (409, "answer_not_kept")
        assert [item["name"] for item in console.get("/tokens").json()["items"]].count("kept") == 1
        with console.context.database.reading() as session:
            kept = session.scalars(select(IdempotencyKey).where(IdempotencyKey.key == "of-a-token")).one()
        assert secret not in str(kept.response)

    def test_a_refusal_where_secrets_are_told_is_judged_again(self, console: RunningConsole) -> None:
        headers = {"idempotency-key": "of-no-token"}
        refused = [console.post("/tokens", json={"name": "x", "role": "king"}, headers=headers) for _ in range(2)]
        assert [answer.status_code for answer in refused] == [422, 422]
        assert [answer.json()["pointer"] for answer in refused] == ["/role", "/role"]

    def test_one_ends_by_itself(self, console: RunningConsole) -> None:
        made = console.post("/tokens", json={"name": "for a shift", "role": "viewer", "valid_for": "PT8H"})
        assert console.get(
            "/sending", role=None, headers={"authorization": f"Bearer {made.json()['token']}"}
        ).is_success
        (listed,) = [item for item in console.get("/tokens").json()["items"] if item["name"] == "for a shift"]
        assert listed["expires_at"] > listed["created_at"]
        for wrong in ("PT1S", "-P1D", "P999999D", 8):
            answer = console.post("/tokens", json={"name": "wrong", "role": "viewer", "valid_for": wrong})
            assert (answer.status_code, answer.json()["pointer"]) == (422, "/valid_for")

    def test_a_role_that_there_is_not(self, console: RunningConsole) -> None:
        answer = console.post("/tokens", json={"name": "root", "role": "root"})
        assert (answer.status_code, answer.json()["pointer"]) == (422, "/role")


class TestDocuments:
    def test_openapi_says_role_shape_and_problems_of_each_route(self, console: RunningConsole) -> None:
        document = console.get("/openapi.json", role=Role.VIEWER).json()
        operations = [one for methods in document["paths"].values() for one in methods.values()]
        assert len({one["operationId"] for one in operations}) == len(operations)
        for operation in operations:
            assert operation["x-role"] in list(Role)
            assert operation["security"] == [{"token": []}]
            assert list(operation["responses"]["401"]["content"]) == ["application/problem+json"]
        assert "text/csv" in document["paths"]["/api/v1/contacts/imports"]["post"]["requestBody"]["content"]
        assert document == console.get("/openapi.json").json()

    def test_the_page_has_no_script_and_every_route(self, console: RunningConsole) -> None:
        page = console.get("/docs")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "<script" not in page.text
        assert "/api/v1/campaigns/{campaign_id}/start" in page.text

    def test_probes_need_no_token(self, console: RunningConsole) -> None:
        for path in ("/livez", "/readyz"):
            assert console.client.get(path).status_code == 200


class TestJobs:
    @pytest.mark.parametrize("external_id", ["imports", "imports/", "houses/7", "17", "a b", "a?b#c%2F", "...", "é"])
    def test_every_legal_external_id_has_its_address(self, console: RunningConsole, external_id: str) -> None:
        number = "+12025550187"
        added = console.post("/jobs", json={"external_id": external_id, "number": number, "job_type": "crack"})
        assert added.status_code == 200, added.text
        path = f"/jobs/{quote(external_id, safe='')}"
        assert console.get(path).json()["job_id"] == added.json()["job"]["job_id"]
        changed = console.call("PATCH", path, json={"cancelled": True}).json()
        assert (changed["job"]["external_id"], changed["job"]["state"]) == (external_id, "cancelled")

    @pytest.mark.parametrize("external_id", [".", "..", "houses/../7"])
    def test_what_no_address_keeps_is_refused(self, console: RunningConsole, external_id: str) -> None:
        answer = console.post("/jobs", json={"external_id": external_id, "number": "+12025550187", "job_type": "x"})
        assert (answer.status_code, answer.json()["code"]) == (422, "external_id_refused")

    def test_nothing_else_has_an_address_below_the_jobs(self) -> None:
        below = {path_of(each) for each in ROUTES if path_of(each).startswith("/jobs/")}
        assert below == {"/jobs/{external_id:external}"}
