"""The verbs about jobs, conversations and the provider, on real servers: what they answer, change and refuse."""

import json
from pathlib import Path

import pytest

from services.core.domain.messages import MessageStatus
from tests.tools.command_line import TEXT, CommandLine

NUMBER = "+12025550147"
JOB = ("jobs", "add", "J-1", "--number", NUMBER, "--type", "crack")
OURS = "https://texts.example.com/webhooks/openphone"


def refused(attackacrack: CommandLine, *command: object) -> str:
    """The one line that a refused command prints."""
    answer = attackacrack.run(*command)
    assert (answer.code, answer.out, answer.err.count("\n")) == (3, "", 1), answer
    return answer.err


class TestJobs:
    def test_added_once_however_often(self, attackacrack: CommandLine) -> None:
        end = ("--calendar-end", "2026-06-01T15:00")
        outcomes = [attackacrack.ask(*JOB, *end)["outcome"] for _ in range(2)]
        assert outcomes == ["added", "unchanged"]
        (listed,) = attackacrack.ask("jobs", "list")["items"]
        assert listed == attackacrack.ask("jobs", "show", "J-1")
        assert (listed["state"], listed["calendar_end"]) == ("open", "2026-06-01T19:00:00Z")
        assert attackacrack.run("jobs", "show", "J-1").out.startswith("job id")

    def test_times_are_set_and_taken_back(self, attackacrack: CommandLine) -> None:
        attackacrack.ask(*JOB)
        paid = attackacrack.ask("jobs", "update", "J-1", "--invoice-paid", "2026-06-02T09:00:00-04:00")
        assert paid["job"]["invoice_paid_at"] == "2026-06-02T13:00:00Z"
        assert attackacrack.ask("jobs", "update", "J-1", "--invoice-paid", "none")["job"]["invoice_paid_at"] is None
        assert attackacrack.ask("jobs", "update", "J-1", "--cancel")["job"]["state"] == "cancelled"
        assert attackacrack.ask("jobs", "update", "J-1", "--reopen")["job"]["state"] == "open"

    @pytest.mark.parametrize(
        ("command", "says"),
        [
            (("jobs", "show", "J-9"), "no job J-9"),
            (("jobs", "update", "J-9", "--cancel"), "no job J-9"),
            (("jobs", "add", "J-9", "--number", NUMBER), "needs its type"),
            (("jobs", "add", "J-9", "--type", "crack"), "needs its person's number"),
            (("jobs", "add", "J-9", "--number", "12", "--type", "crack"), "too short"),
            (("jobs", "add", "J-1", "--number", "+12025550148"), "known with another number"),
            (("jobs", "update", "J-1", "--calendar-end", "soon"), "ISO 8601"),
        ],
    )
    def test_refusals(self, attackacrack: CommandLine, command: tuple[str, ...], says: str) -> None:
        attackacrack.ask(*JOB)
        assert says in refused(attackacrack, *command)

    def test_a_file_is_read_first_and_applied_when_told(self, attackacrack: CommandLine, tmp_path: Path) -> None:
        path = tmp_path / "jobs.csv"
        path.write_text(f"external_id,phone,job_type,colour\nJ-1,{NUMBER},crack,red\nJ-2,12,crack,\n")
        counts = {"rows": 2, "added": 1, "changed": 0, "unchanged": 0, "rejected": 1}
        dry = attackacrack.ask("jobs", "import", path)
        assert dry.items() >= counts.items()
        assert (dry["rejections"], dry["ignored_columns"]) == ([{"line": 3, "reason": "too_short"}], ["colour"])
        assert attackacrack.ask("jobs", "list")["items"] == []
        assert "repeat with --confirm" in attackacrack.run("jobs", "import", path).out
        assert attackacrack.ask("jobs", "import", path, "--confirm") == dry | {"applied": True}
        assert attackacrack.ask("jobs", "import", path, "--apply")["unchanged"] == 1

    def test_a_file_that_is_not_there_is_a_mistake_of_usage(self, attackacrack: CommandLine, tmp_path: Path) -> None:
        assert attackacrack.run("jobs", "import", tmp_path / "nope.csv").code == 2


class TestConversations:
    def test_a_reply_waits_in_the_outbox_like_any_text(self, attackacrack: CommandLine) -> None:
        contact_id = attackacrack.add_reply(NUMBER)
        (listed,) = attackacrack.ask("conversations", "list")["items"]
        assert (listed["e164"], listed["last_text"], listed["unanswered"]) == (NUMBER, "how much is it?", True)
        reply = attackacrack.ask("conversations", "reply", contact_id, "We will be there at 9.")
        assert (reply["status"], reply["segments"], reply["repeated"]) == ("pending", 1, False)
        shown = attackacrack.ask("conversations", "show", NUMBER)
        assert [(text["direction"], text["text"]) for text in shown["texts"]] == [
            ("incoming", "how much is it?"),
            ("outgoing", "We will be there at 9."),
        ]
        assert attackacrack.ask("messages", "show", reply["message_id"])["kind"] == "transactional"

    def test_a_key_makes_one_text(self, attackacrack: CommandLine) -> None:
        attackacrack.add_reply(NUMBER)
        command = ("conversations", "reply", NUMBER, "At 9.", "--key", "answer-17")
        first, again = attackacrack.ask(*command), attackacrack.ask(*command)
        assert (again["message_id"], again["repeated"]) == (first["message_id"], True)
        assert "another text" in refused(attackacrack, "conversations", "reply", NUMBER, "At 10.", "--key", "answer-17")

    def test_who_opted_out_is_not_answered(self, attackacrack: CommandLine) -> None:
        attackacrack.add_reply(NUMBER)
        attackacrack.ask("opt-outs", "add", NUMBER, "--evidence", "by phone")
        assert "opted out on" in refused(attackacrack, "conversations", "reply", NUMBER, "Hello")
        attackacrack.ask("opt-outs", "lift", NUMBER, "--evidence", "asked again, 3 March")
        assert attackacrack.ask("conversations", "reply", NUMBER, "Hello")["status"] == "pending"

    @pytest.mark.parametrize(
        ("person", "text", "says"),
        [
            (NUMBER, "  ", "blank"),
            (NUMBER, "x" * 1601, "longer than"),
            ("+12025550143", "Hello", "never written"),
            ("+12025550199", "Hello", "no contact"),
            ("nobody", "Hello", "no contact"),
        ],
    )
    def test_refusals(self, attackacrack: CommandLine, person: str, text: str, says: str) -> None:
        attackacrack.add_reply(NUMBER)
        attackacrack.ask("contacts", "add", "+12025550143")
        assert says in refused(attackacrack, "conversations", "reply", person, text)

    def test_pages(self, attackacrack: CommandLine) -> None:
        for last in range(3):
            attackacrack.add_reply(f"+1202555014{last}", said=str(last))
        first = attackacrack.ask("conversations", "list", "--limit", 2)
        rest = attackacrack.ask("conversations", "list", "--limit", 2, "--before", first["next"])
        assert [each["last_text"] for page in (first, rest) for each in page["items"]] == ["2", "1", "0"]
        assert rest["next"] is None


class TestProvider:
    def check(self, attackacrack: CommandLine, **environment: str) -> dict[str, tuple[bool, str]]:
        """Each part with whether it is well, and its remedy."""
        answer = attackacrack.run("provider", "check", "--json", **environment)
        parts = {part["name"]: (part["well"], part["remedy"]) for part in answer.document["parts"]}
        assert answer.code == (0 if all(well for well, _ in parts.values()) else 1)
        return parts

    def register(self, attackacrack: CommandLine, url: str = OURS) -> str:
        return str(attackacrack.ask("provider", "register-webhook", url)["webhook_id"])

    @pytest.mark.usefixtures("simulator")
    def test_everything_is_well(self, attackacrack: CommandLine) -> None:
        webhook_id = self.register(attackacrack)
        parts = self.check(attackacrack, ATTACKACRACK_PROVIDER_WEBHOOK_ID=webhook_id)
        assert [name for name, (well, _) in parts.items() if not well] == []
        assert parts.keys() >= {"api key", "number", "registration", "webhook enabled", "webhook events", "deliveries"}

    @pytest.mark.usefixtures("simulator")
    @pytest.mark.parametrize(
        ("change", "part", "remedy"),
        [
            ({"ATTACKACRACK_PROVIDER_API_KEY": "wrong"}, "api key", "live key"),
            ({"ATTACKACRACK_PROVIDER_PHONE_NUMBER_ID": "PNother"}, "number", "to one of"),
            ({"ATTACKACRACK_PROVIDER_PHONE_NUMBER": "+12125559999"}, "number", "PHONE_NUMBER to +1"),
            ({}, "webhook", "register-webhook https://"),
        ],
    )
    def test_what_is_wrong_has_its_remedy(
        self, attackacrack: CommandLine, change: dict[str, str], part: str, remedy: str
    ) -> None:
        well, found = self.check(attackacrack, **change)[part]
        assert (well, remedy in found) == (False, True)

    @pytest.mark.usefixtures("simulator")
    def test_a_webhook_to_another_address_is_not_ours(self, attackacrack: CommandLine) -> None:
        self.register(attackacrack)
        elsewhere = {"ATTACKACRACK_INGRESS_URL": "https://other.example.com/webhooks/openphone"}
        well, remedy = self.check(attackacrack, **elsewhere)["webhook"]
        assert (well, "register-webhook" in remedy) == (False, True)

    @pytest.mark.usefixtures("simulator")
    def test_a_rotation_shows_another_key_once_and_is_on_record(self, attackacrack: CommandLine) -> None:
        made = attackacrack.ask("provider", "register-webhook", OURS)
        environment = {"ATTACKACRACK_PROVIDER_WEBHOOK_ID": made["webhook_id"]}
        rotated = attackacrack.ask("provider", "rotate", **environment)
        assert rotated["key"].startswith("whsec_")
        assert rotated["key"] != made["key"]
        assert "NEW,OLD" in rotated["next"][0]
        said = attackacrack.run("provider", "rotate", made["webhook_id"]).out
        assert "shown this once" in said
        assert rotated["key"] not in said

    @pytest.mark.usefixtures("simulator")
    @pytest.mark.parametrize(
        ("command", "says"),
        [
            (("rotate",), "name the webhook"),
            (("rotate", "nothing"), "no webhook nothing"),
            (("register-webhook", "https://texts.example.com/"), "/webhooks/openphone"),
            (("register-webhook", "ftp://texts.example.com/webhooks/openphone"), "/webhooks/openphone"),
            (("register-webhook", OURS), "delivers to this address already"),
            (("checklist", "--answer", "nothing", "--note", "x"), "no item"),
            (("checklist", "--answer", "daily_cap"), "say what was found"),
            (("checklist", "--answer", "daily_cap", "--state", "maybe", "--note", "x"), "settled, not_needed or open"),
        ],
    )
    def test_refusals(self, attackacrack: CommandLine, command: tuple[str, ...], says: str) -> None:
        self.register(attackacrack)
        assert says in refused(attackacrack, "provider", *command)

    def test_a_provider_that_cannot_be_asked(self, attackacrack: CommandLine) -> None:
        parts = self.check(attackacrack, ATTACKACRACK_PROVIDER_BASE_URL="http://127.0.0.1:9")
        assert [well for well, _ in parts.values()] == [False]
        answer = attackacrack.run(
            "provider", "register-webhook", OURS, ATTACKACRACK_PROVIDER_BASE_URL="http://127.0.0.1:9"
        )
        assert answer.code == 4

    def test_the_checklist_is_settled_item_by_item(self, attackacrack: CommandLine) -> None:
        begun = attackacrack.run("provider", "checklist", "--json")
        keys = [item["key"] for item in begun.document["items"]]
        assert (begun.code, {item["state"] for item in begun.document["items"]}) == (1, {"open"})
        for key in keys:
            state = "not_needed" if key == "legacy_signature" else "settled"
            command = ("provider", "checklist", "--answer", key, "--state", state, "--note", "seen", "--by", "maria")
            answer = attackacrack.run(*command, "--json")
        assert answer.code == 0
        assert {(item["by"], item["note"]) for item in json.loads(answer.out)["items"]} == {("maria", "seen")}
        reopened = attackacrack.run("provider", "checklist", "--answer", "daily_cap", "--state", "open")
        assert reopened.code == 1


class TestTasks:
    def test_history_by_message_and_by_campaign(self, attackacrack: CommandLine) -> None:
        attackacrack.add_campaign()
        plan = attackacrack.ask("campaigns", "plan", "Spring")
        attackacrack.ask("campaigns", "start", "Spring", "--plan", plan["plan_hash"])
        (message,) = attackacrack.ask("messages", "list", "--campaign", "Spring")["items"]
        other = attackacrack.add_message(MessageStatus.PENDING, number="+12025550144")
        for task_id, name, args in (
            ("1", "send_campaign_message", [str(message["message_id"]), "999"]),
            ("2", "send_campaign_message", [str(other)]),
            ("3", "reconcile_message", [str(message["message_id"])]),
            ("4", "process_webhook", [str(message["message_id"])]),
        ):
            attackacrack.add_task(task_id, name, args)

        def ids(*options: object) -> list[str]:
            return [task["task_id"] for task in attackacrack.ask("tasks", "list", *options)["items"]]

        assert ids("--message", message["message_id"]) == ["3", "1"]
        assert ids("--campaign", "Spring") == ["3", "1"]
        assert ids("--campaign", "Spring", "--name", "reconcile_message") == ["3"]
        assert ids("--message", other) == ["2"]
        assert ids() == ["4", "3", "2", "1"]


class TestCampaignFiles:
    def test_an_export_overwrites_nothing(self, attackacrack: CommandLine, tmp_path: Path) -> None:
        attackacrack.add_campaign()
        path = tmp_path / "spring.csv"
        exported = attackacrack.ask("campaigns", "export", "Spring", path)
        assert exported["size"] == len(path.read_bytes()) > 100
        assert "there already" in refused(attackacrack, "campaigns", "export", "Spring", path)
        assert "no campaign Summer" in refused(attackacrack, "campaigns", "export", "Summer", tmp_path / "new.csv")
        assert not (tmp_path / "new.csv").exists()

    def test_results_for_a_person(self, attackacrack: CommandLine) -> None:
        attackacrack.ask(
            *("campaigns", "create", "--name", "Two", "--all", "--template", TEXT),
            *("--template-b", f"B {TEXT}", "--split", 50),
        )
        assert "not enough data" in attackacrack.run("campaigns", "results", "Two").out


class TestErase:
    def test_it_asks_and_without_a_terminal_it_must_be_told(self, attackacrack: CommandLine) -> None:
        attackacrack.ask("contacts", "add", NUMBER)
        command = ("contacts", "erase", NUMBER, "--reason", "her letter")
        answer = attackacrack.run(*command)
        assert (answer.code, "say --yes" in answer.err) == (2, True)
        assert attackacrack.ask(*command, "--yes")["opted_out"] is False
        assert "no contact of that number" in refused(attackacrack, *command, "--yes")
