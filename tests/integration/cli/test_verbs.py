"""Each verb on a real database: what it answers, what it changes, and what it refuses with which exit code."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import select

from services.cli.demo.run import CONTACTS as DEMO_CONTACTS
from services.core.domain.messages import MessageStatus
from services.core.storage import contacts, tokens, work
from services.core.storage.models import Contact, Message
from tests.conftest import ValkeyProcess
from tests.tools import rows
from tests.tools.command_line import TEXT, CommandLine
from tests.tools.simulator import RunningSimulator

NUMBER = "+12025550143"


class TestContacts:
    def test_the_demo_file_in_two_steps(self, attackacrack: CommandLine) -> None:
        dry = attackacrack.ask("contacts", "import", DEMO_CONTACTS, "--dry-run")
        assert dry["rows"] == dry["accepted"] + dry["merged"] + dry["rejected"] + dry["suppressed"] > 100
        assert sum(dry["rejections"].values()) == dry["rejected"] > 0
        assert attackacrack.ask("contacts", "list")["items"] == []
        confirmed = attackacrack.ask("contacts", "confirm", dry["import_id"])
        outcomes = ("accepted", "merged", "rejected", "suppressed")
        taken_over = {"status": "confirmed", "confirmed_at": confirmed["confirmed_at"]}
        assert confirmed == dry | taken_over | {"foreseen": {name: dry[name] for name in outcomes}}
        assert len(attackacrack.ask("contacts", "list", "--limit", 1000)["items"]) >= dry["accepted"]

    def test_one_step_and_from_a_pipe(self, attackacrack: CommandLine) -> None:
        answer = attackacrack.feed(b"phone\n2025550143\nx\n", "contacts", "import", "-", "--yes", "--json")
        assert (answer.document["status"], answer.document["rejections"]) == ("confirmed", {"not_a_number": 1})

    def test_nobody_to_ask_is_a_dry_run_that_says_how_to_go_on(self, attackacrack: CommandLine) -> None:
        answer = attackacrack.run("contacts", "import", DEMO_CONTACTS)
        assert answer.code == 0
        assert "attackacrack contacts confirm 1" in answer.out

    @pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n\0\0", b"name\nAda\n"])
    def test_a_file_that_cannot_be_taken(self, attackacrack: CommandLine, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "list.csv"
        path.write_bytes(content)
        answer = attackacrack.run("contacts", "import", path, "--yes")
        assert (answer.code, answer.out, answer.err.count("\n")) == (3, "", 1)

    def test_add_and_show(self, attackacrack: CommandLine) -> None:
        added = attackacrack.ask("contacts", "add", "(202) 555-0143", "--first-name", "Ada", "--state", "NY")
        assert (added["e164"], added["first_name"], added["state"]) == (NUMBER, "Ada", "NY")
        assert attackacrack.ask("contacts", "show", NUMBER) == added
        assert attackacrack.ask("contacts", "show", added["contact_id"]) == added

    def test_pages(self, attackacrack: CommandLine) -> None:
        for last in range(5):
            attackacrack.ask("contacts", "add", f"+1202555014{last}")
        first = attackacrack.ask("contacts", "list", "--limit", 3)
        rest = attackacrack.ask("contacts", "list", "--limit", 3, "--after", first["next"])
        assert ([len(page["items"]) for page in (first, rest)], rest["next"]) == ([3, 2], None)
        assert "more: --after 3" in attackacrack.run("contacts", "list", "--limit", 3).out


class TestOptOuts:
    def test_add_and_list(self, attackacrack: CommandLine) -> None:
        waiting = attackacrack.add_message(MessageStatus.PENDING)
        added = attackacrack.ask("opt-outs", "add", NUMBER, "--evidence", "asked on the phone")
        assert added["opted_out_at"] is not None
        (listed,) = attackacrack.ask("opt-outs", "list")["items"]
        assert (listed["e164"], listed["source"], listed["evidence"]) == (NUMBER, "operator", "asked on the phone")
        message = attackacrack.ask("messages", "show", waiting)
        assert (message["status"], message["reason"]) == ("skipped", "opted_out")


class TestCampaigns:
    def test_a_draft_is_edited_previewed_scheduled_and_taken_back(self, attackacrack: CommandLine) -> None:
        import_id = attackacrack.import_demo()
        attackacrack.ask("campaigns", "create", "--name", "Spring", "--import", import_id, "--template", TEXT)
        edited = attackacrack.ask("campaigns", "edit", "Spring", "--name", "May", "--daily-cap", 60)
        assert (edited["name"], edited["daily_cap"], edited["template_a"]) == ("May", 60, TEXT)
        shown = attackacrack.run("campaigns", "preview", "May", "--template", "Hi {{first_name|there}}, bit.ly/x")
        assert (shown.code, "would be refused" in shown.out) == (0, True)
        nothing = attackacrack.run("campaigns", "preview", "--template", TEXT)
        assert (nothing.code, "--import ID or --all" in nothing.err) == (2, True)

        plan_hash = attackacrack.ask("campaigns", "plan", "May")["plan_hash"]
        now = datetime.fromisoformat(attackacrack.ask("clock", "show")["product_now"])
        passed = attackacrack.run("campaigns", "start", "May", "--plan", plan_hash, "--at", now.isoformat())
        assert (passed.code, "has passed" in passed.err) == (3, True)
        at = (now + timedelta(days=1)).isoformat()
        scheduled = attackacrack.ask("campaigns", "start", "May", "--plan", plan_hash, "--at", at)
        assert (scheduled["status"], datetime.fromisoformat(scheduled["starts_at"])) == (
            "scheduled",
            now + timedelta(1),
        )
        planned = attackacrack.ask("campaigns", "recipients", "May", "--state", "planned", "--limit", 1000)["items"]
        assert {each["state"] for each in planned} == {"planned"}
        assert attackacrack.ask("campaigns", "pause", "May")["status"] == "draft"
        assert attackacrack.ask("campaigns", "delete", "May")["name"] == "May"
        assert attackacrack.ask("campaigns", "list")["items"] == []

    def test_from_a_draft_to_cancelled(self, attackacrack: CommandLine) -> None:
        import_id = attackacrack.import_demo()
        draft = attackacrack.ask(
            *("campaigns", "create", "--name", "Spring", "--import", import_id, "--template", TEXT),
            *("--template-b", f"B {TEXT}", "--split", 50, "--window", "Mon-Sat 10:00-16:00", "--daily-cap", 50),
            *("--batch-size", 5, "--batch-every", "PT10M", "--ids-per-task", 5),
        )
        assert draft["status"] == "draft"
        plan = attackacrack.ask("campaigns", "plan", "Spring")
        assert plan["recipients"] == sum(plan["variants"].values()) > 100
        started = attackacrack.ask("campaigns", "start", "Spring", "--plan", plan["plan_hash"])
        assert (started["status"], started["messages"]) == ("running", {"pending": plan["recipients"]})
        states = [attackacrack.ask("campaigns", verb, "Spring")["status"] for verb in ("pause", "resume", "cancel")]
        assert states == ["paused", "running", "cancelled"]
        assert attackacrack.ask("campaigns", "show", draft["campaign_id"])["messages"] == {
            "skipped": plan["recipients"]
        }
        assert [each["name"] for each in attackacrack.ask("campaigns", "list")["items"]] == ["Spring"]

    @pytest.mark.parametrize("window", ["Mon-Fri", "Xxx-Fri 09:00-17:00", "Mon-Fri 17:00-09:00", "Mon 25:00-26:00"])
    def test_a_window_that_makes_no_sense(self, attackacrack: CommandLine, window: str) -> None:
        answer = attackacrack.run("campaigns", "create", "--name", "x", "--all", "--template", TEXT, "--window", window)
        assert (answer.code, answer.out, answer.err.count("\n")) == (3, "", 1)


class TestMessages:
    def test_list_show_and_why(self, attackacrack: CommandLine) -> None:
        held = attackacrack.add_message()
        waiting = attackacrack.add_message(MessageStatus.PENDING, number="+12025550144")
        assert [each["message_id"] for each in attackacrack.ask("messages", "list")["items"]] == [held, waiting]
        (found,) = attackacrack.ask("messages", "list", "--status", "held", "--number", NUMBER)["items"]
        assert found == attackacrack.ask("messages", "show", held)
        steps = [step["what"] for step in attackacrack.ask("messages", "why", held)["steps"]]
        assert steps == ["attempt 1", "attempt 1 unknown"]
        assert "attempt 1 unknown" in attackacrack.run("messages", "why", held).out


class TestReviews:
    @pytest.mark.parametrize(("choice", "opted_out"), [("--opt-out", True), ("--keep", False)])
    def test_decide(self, attackacrack: CommandLine, choice: str, opted_out: bool) -> None:
        waiting = attackacrack.add_message(MessageStatus.PENDING)
        self.ask_for_review(attackacrack)
        (review,) = attackacrack.ask("reviews", "list")["items"]
        assert (review["e164"], review["text"]) == (NUMBER, "stop being so cheap")
        decided = attackacrack.ask("reviews", "decide", review["review_id"], choice, "--by", "maria")
        assert decided["decided_by"] == "maria"
        contact = attackacrack.ask("contacts", "show", NUMBER)
        assert (contact["opted_out_at"] is not None, contact["paused_at"]) == (opted_out, None)
        status = attackacrack.ask("messages", "show", waiting)["status"]
        assert status == ("skipped" if opted_out else "pending")
        assert attackacrack.ask("reviews", "list")["items"] == []
        assert attackacrack.run("reviews", "decide", review["review_id"], choice).code == 3

    @staticmethod
    def ask_for_review(line: CommandLine) -> None:
        contact_id = rows.known(line.context, NUMBER)
        inbox_id = rows.add_review(line.context, contact_id)
        rows.add_reply(line.context, contact_id, "stop being so cheap", inbox_id=inbox_id)
        with line.context.database.transaction() as session:
            contacts.pause(session, session.get_one(Contact, contact_id), line.product_now())


class TestSending:
    def test_stop_status_resume(self, attackacrack: CommandLine) -> None:
        stopped = attackacrack.ask("sending", "stop", "--reason", "wrong list", "--by", "maria")
        assert (stopped["stopped_by"], stopped["reason"]) == ("maria", "wrong list")
        assert attackacrack.ask("sending", "status") == stopped
        assert attackacrack.ask("sending", "resume")["stopped_at"] is None


class TestClock:
    def test_both_clocks_move(self, attackacrack: CommandLine, simulator: RunningSimulator) -> None:
        offset = simulator.control("GET", "/clock").json()["offset_seconds"]
        now = attackacrack.product_now()
        target = now + timedelta(seconds=offset, days=1)
        moved = attackacrack.ask("clock", "move", "--to", target.isoformat())
        assert datetime.fromisoformat(moved["product_now"]) >= target
        before = simulator.control("GET", "/clock").json()["offset_seconds"]
        attackacrack.ask("clock", "move", "--by", "PT1H")
        assert simulator.control("GET", "/clock").json()["offset_seconds"] - before == pytest.approx(3600, abs=5)
        opening = attackacrack.ask("clock", "move", "--to-next-opening")
        assert datetime.fromisoformat(opening["product_now"]).minute == 0
        assert attackacrack.ask("clock", "show")["offset"] == opening["offset"]

    def test_a_simulator_that_does_not_answer_leaves_it_as_it_is(self, attackacrack: CommandLine) -> None:
        before = attackacrack.ask("clock", "show")["offset"]
        unreachable = {"ATTACKACRACK_PROVIDER_BASE_URL": "http://127.0.0.1:9"}
        answer = attackacrack.run("clock", "move", "--by", "PT1H", **unreachable)
        assert (answer.code, answer.err.count("\n")) == (4, 1)
        assert attackacrack.ask("clock", "show")["offset"] == before

    def test_with_a_real_provider_it_is_refused(self, attackacrack: CommandLine) -> None:
        real = {"ATTACKACRACK_PROVIDER": "quo", "ATTACKACRACK_PROVIDER_BASE_URL": "https://127.0.0.1:9"}
        answer = attackacrack.run("clock", "move", "--by", "PT1H", **real)
        assert answer.code == 3
        assert "only while the provider is the simulator" in answer.err


class TestDeadLetters:
    def test_dry_run_replay_discard(self, attackacrack: CommandLine, valkey_server: ValkeyProcess) -> None:
        first, second, third = (self.add(attackacrack, number) for number in range(3))
        listed = attackacrack.ask("dead-letters", "list")["items"]
        assert [letter["letter_id"] for letter in listed] == [first, second, third]
        assert attackacrack.ask("dead-letters", "replay", "--all", "--dry-run")["dry_run"]
        with Redis.from_url(valkey_server.url) as client:
            assert client.llen("default") == 0
            attackacrack.ask("dead-letters", "replay", first, second, "--per-second", 1000)
            assert client.llen("default") == 2
        attackacrack.ask("dead-letters", "discard", third, "--note", "erased")
        assert attackacrack.ask("dead-letters", "list")["items"] == []
        assert attackacrack.run("dead-letters", "replay", first).code == 3

    def test_a_broker_that_is_away_leaves_the_letter_open(self, attackacrack: CommandLine) -> None:
        letter = self.add(attackacrack, 1)
        answer = attackacrack.run("dead-letters", "replay", letter, ATTACKACRACK_REDIS_URL="redis://127.0.0.1:9/0")
        assert (answer.code, answer.err.count("\n")) == (4, 1)
        assert [each["letter_id"] for each in attackacrack.ask("dead-letters", "list")["items"]] == [letter]

    @staticmethod
    def add(line: CommandLine, number: int) -> int:
        return rows.add_letter(line.context, args=[number], task_id=str(number))


class TestSchedule:
    def test_list_run_now_history_pause_resume(self, attackacrack: CommandLine) -> None:
        names = [job["name"] for job in attackacrack.ask("schedule", "list")["items"]]
        assert "queue_daily_campaigns" in names
        run = attackacrack.ask("schedule", "run-now", names[0], "--by", "maria")
        assert [each["run_id"] for each in attackacrack.ask("schedule", "history")["items"]] == [run["run_id"]]
        changed = [attackacrack.ask("schedule", verb, names[0])["changed"] for verb in ("pause", "pause", "resume")]
        assert changed == [True, False, True]


class TestTokens:
    def test_the_token_is_shown_once_and_revoked(self, attackacrack: CommandLine) -> None:
        made = attackacrack.ask("tokens", "create", "office", "--role", "operator")
        assert made["token"].startswith("aac_")
        assert self.is_live(attackacrack, made["token"])
        listed = attackacrack.run("tokens", "list", "--json")
        assert made["token"] not in listed.out
        assert [token["name"] for token in listed.document["items"]] == ["office"]
        attackacrack.ask("tokens", "revoke", "office")
        assert not self.is_live(attackacrack, made["token"])
        assert attackacrack.run("tokens", "revoke", "office").code == 3
        assert attackacrack.run("tokens", "create", "office").code == 3

    @staticmethod
    def is_live(line: CommandLine, token: str) -> bool:
        with line.context.database.reading() as session:
            return tokens.find_live(session, token) is not None


class TestState:
    def test_health_says_what_is_wrong(self, attackacrack: CommandLine) -> None:
        answer = attackacrack.run("health", "--json")
        parts = {part["name"]: part for part in answer.document["parts"]}
        assert (answer.code, answer.document["healthy"]) == (1, False)
        assert parts["database"]["well"]
        assert parts["redis"]["well"]
        assert (parts["beat"]["well"], parts["beat"]["remedy"] != "") == (False, True)

    def test_health_without_a_broker_is_a_report_and_no_crash(self, attackacrack: CommandLine) -> None:
        answer = attackacrack.run("health", "--json", ATTACKACRACK_REDIS_URL="redis://127.0.0.1:9/0")
        assert answer.code == 1
        assert [part["name"] for part in answer.document["parts"] if not part["well"]][:1] == ["redis"]

    def test_queues_tell_depth_and_age(self, attackacrack: CommandLine, valkey_server: ValkeyProcess) -> None:
        waiting = attackacrack.add_message(MessageStatus.PENDING)
        with attackacrack.context.database.transaction() as session:
            message = session.scalars(select(Message).where(Message.id == waiting)).one()
            message.published_at, message.lease_until = attackacrack.product_now() - timedelta(minutes=5), None
        with Redis.from_url(valkey_server.url) as client:
            client.lpush("campaigns", "x")
        queues = {each["queue"]: each for each in attackacrack.ask("queues")["queues"]}
        assert queues["campaigns"]["waiting"] == 1
        assert queues["campaigns"]["oldest"].startswith("PT5M")
        assert queues["default"]["oldest"] is None

    def test_workers_and_tasks(self, attackacrack: CommandLine) -> None:
        assert attackacrack.ask("workers")["items"] == []
        with attackacrack.context.database.transaction() as session:
            for name in ("debug_task", "process_webhook"):
                work.count_delivery(session, task_id=name, name=name, args=[1], traceparent=None)
        tasks = attackacrack.ask("tasks", "list")["items"]
        assert [task["task"] for task in tasks] == ["process_webhook", "debug_task"]
        assert len(attackacrack.ask("tasks", "list", "--name", "debug_task")["items"]) == 1

    def test_the_schema(self, attackacrack: CommandLine) -> None:
        shown = attackacrack.ask("schema", "show")
        assert shown["revision"] == shown["head"]
        assert attackacrack.ask("schema", "migrate") == attackacrack.ask("schema", "wait") == shown
