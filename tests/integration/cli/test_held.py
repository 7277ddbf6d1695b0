"""Held messages: released only on a fresh listing that does not show the text; bound; cancelled."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from services.core.storage.models import AuditEntry
from services.core.storage.tokens import find_named
from services.core.usecases.messages.held import release
from tests.tools.command_line import CommandLine
from tests.tools.simulator import RunningSimulator

PERSON = ("--by", "maria", "--reason", "called her")
NUMBER = "+12025550143"

pytestmark = pytest.mark.usefixtures("simulator")


def acts(line: CommandLine) -> list[tuple[str, str]]:
    with line.context.database.reading() as session:
        return [(row.actor, row.act) for row in session.scalars(select(AuditEntry).order_by(AuditEntry.id))]


def status(line: CommandLine, message: int) -> str:
    return str(line.ask("messages", "show", message)["status"])


class TestEvidence:
    def test_list_and_show(self, attackacrack: CommandLine) -> None:
        message = attackacrack.add_message()
        (held,) = attackacrack.ask("held", "list")["items"]
        assert held == attackacrack.ask("held", "show", message)
        assert (held["message_id"], held["reason"], held["attempts"][0]["outcome"]) == (message, "absent", "unknown")
        assert "may text the person twice" in held["risk"]

    def test_it_is_shown_before_the_act(self, attackacrack: CommandLine) -> None:
        answer = attackacrack.run("held", "release", attackacrack.add_message(), *PERSON)
        assert "unknown" in answer.err
        assert NUMBER in answer.out


class TestRelease:
    def test_a_text_that_the_list_does_not_show_goes_out_again(self, attackacrack: CommandLine) -> None:
        message = attackacrack.add_message()
        released = attackacrack.ask("held", "release", message, *PERSON)
        assert released["status"] == "pending"
        assert [look["listed"] for look in released["attempts"][0]["looks"]] == [0]
        assert acts(attackacrack) == [("maria", "message.released")]
        assert "operator: called her" in attackacrack.run("messages", "why", message).out

    def test_a_text_that_the_list_shows_is_refused(
        self, attackacrack: CommandLine, simulator: RunningSimulator
    ) -> None:
        message = attackacrack.add_message()
        assert simulator.send(NUMBER, f"Hello {NUMBER}").status_code == 202
        answer = attackacrack.run("held", "release", message, *PERSON)
        assert (answer.code, answer.out) == (3, "")
        assert "bind the message to it" in answer.err
        assert status(attackacrack, message) == "held"
        assert acts(attackacrack) == []

    def test_a_list_that_lacks_what_surely_was_sent_is_refused(
        self, attackacrack: CommandLine, simulator: RunningSimulator
    ) -> None:
        message = attackacrack.add_message()
        other = attackacrack.add_message(number="+12025550144")
        sent = simulator.send("+12025550144").json()["data"]["id"]
        attackacrack.ask("held", "bind", other, sent, *PERSON)
        simulator.reset()
        answer = attackacrack.run("held", "release", message, *PERSON)
        assert answer.code == 3
        assert "lacks texts that surely were sent" in answer.err

    def test_a_list_that_cannot_be_read_is_no_evidence(self, attackacrack: CommandLine) -> None:
        message = attackacrack.add_message()
        unreachable = {"ATTACKACRACK_PROVIDER_BASE_URL": "http://127.0.0.1:9"}
        answer = attackacrack.run("held", "release", message, *PERSON, **unreachable)
        assert answer.code == 4
        assert "the provider cannot be asked" in answer.err
        assert status(attackacrack, message) == "held"

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [(("--by", "maria"), 2), (("--reason", "x"), 2), (("--by", "maria", "--reason", " "), 3)],
    )
    def test_a_person_and_a_reason_are_required(
        self, attackacrack: CommandLine, arguments: tuple[str, ...], code: int
    ) -> None:
        answer = attackacrack.run("held", "release", attackacrack.add_message(), *arguments)
        assert answer.code == code

    def test_from_fifty_a_day_on_a_second_person_agrees(self, attackacrack: CommandLine, tmp_path: Path) -> None:
        message = attackacrack.add_message()
        with attackacrack.context.database.transaction() as session:
            session.add_all(
                AuditEntry(actor="whoever", act="message.released", subject="message", subject_id=n) for n in range(50)
            )
        own, second = (self.token(attackacrack, name) for name in ("maria", "jo"))
        files = {name: tmp_path / name for name in ("own", "second")}
        for name, token in (("own", own), ("second", second)):
            files[name].write_text(f"{token}\n")
        command = ("held", "release", message, *PERSON)
        alone = attackacrack.run(*command)
        assert (alone.code, "--second-token" in alone.err) == (3, True)
        assert attackacrack.run(*command, ATTACKACRACK_SECOND_TOKEN=second).code == 3, "a typed name proves nobody"
        both = {"ATTACKACRACK_TOKEN": own, "ATTACKACRACK_SECOND_TOKEN": own}
        assert "another person" in attackacrack.run(*command, **both).err
        both["ATTACKACRACK_SECOND_TOKEN"] = "aac_made-up"
        assert "unknown, revoked or expired" in attackacrack.run(*command, **both).err
        missing = attackacrack.run(*command, "--own-token", files["own"], "--second-token", tmp_path / "none")
        assert (missing.code, "can't be read" in missing.err) == (3, True)
        both_ways = ("--own-token", files["own"], "--second-token", "-")
        done = attackacrack.feed(f"{second}\n".encode(), *command, *both_ways)
        assert done.code == 0, done.err
        (entry,) = attackacrack.ask("audit", "list", "--act", "message.released", "--limit", 1)["items"]
        assert (entry["actor"], entry["detail"]["second"]) == ("maria's", "jo")
        assert own not in done.out + done.err

    def test_many_that_are_more_than_fifty_need_two_people_too(
        self, attackacrack: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(release, "SECOND_PERSON_ABOVE", 1)
        for number in (NUMBER, "+12025550144"):
            attackacrack.add_message(number=number)
        command = ("held", "release-many", "--held-for", "absent", *PERSON, "--apply")
        assert attackacrack.run(*command).code == 3
        tokens = {
            variable: self.token(attackacrack, name)
            for variable, name in (("ATTACKACRACK_TOKEN", "maria"), ("ATTACKACRACK_SECOND_TOKEN", "jo"))
        }
        assert len(attackacrack.ask(*command, **tokens)["items"]) == 2

    @staticmethod
    def token(line: CommandLine, name: str) -> str:
        """An operator's token, made two days ago."""
        token = line.ask("tokens", "create", f"{name}'s", "--person", name, "--role", "operator", "--by", "admin")
        with line.context.database.transaction() as session:
            row = find_named(session, f"{name}'s")
            assert row is not None
            row.created_at -= timedelta(days=2)
        return str(token["token"])


class TestBind:
    def test_the_message_was_sent(self, attackacrack: CommandLine, simulator: RunningSimulator) -> None:
        message = attackacrack.add_message()
        sent = simulator.send(NUMBER, "another wording").json()["data"]["id"]
        bound = attackacrack.ask("held", "bind", message, sent, *PERSON)
        assert bound["provider_message_id"] == sent
        assert bound["status"] in {"sent", "delivered"}
        assert acts(attackacrack) == [("maria", "message.bound")]

    @pytest.mark.parametrize("case", ["unknown", "another person's", "bound already"])
    def test_refusals(self, attackacrack: CommandLine, simulator: RunningSimulator, case: str) -> None:
        message = attackacrack.add_message()
        sent = "MSGnone"
        if case == "another person's":
            sent = simulator.send("+12025550144").json()["data"]["id"]
        if case == "bound already":
            sent = simulator.send(NUMBER).json()["data"]["id"]
            attackacrack.ask("held", "bind", attackacrack.add_message(), sent, *PERSON)
        answer = attackacrack.run("held", "bind", message, sent, *PERSON)
        assert (answer.code, answer.out) == (3, "")
        assert status(attackacrack, message) == "held"


class TestCancel:
    def test_it_is_never_sent_again(self, attackacrack: CommandLine) -> None:
        message = attackacrack.add_message()
        cancelled = attackacrack.ask("held", "cancel", message, *PERSON)
        assert (cancelled["status"], cancelled["reason"]) == ("skipped", "cancelled_by_operator")
        assert acts(attackacrack) == [("maria", "message.cancelled")]
        assert attackacrack.run("held", "cancel", message, *PERSON).code == 3

    @pytest.mark.parametrize("verb", [("show",), ("cancel", *PERSON), ("release", *PERSON)])
    def test_no_such_message(self, attackacrack: CommandLine, verb: tuple[str, ...]) -> None:
        answer = attackacrack.run("held", verb[0], 999, *verb[1:])
        assert (answer.code, answer.err) == (3, "attackacrack: there is no message 999\n")
