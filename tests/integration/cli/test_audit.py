"""`audit list` and what a discarded letter tells."""

from tests.tools.command_line import CommandLine
from tests.tools.rows import add_letter


def test_the_audit_is_read_by_who_and_what_newest_first(attackacrack: CommandLine) -> None:
    attackacrack.ask("sending", "stop", "--reason", "x", "--by", "maria")
    attackacrack.ask("sending", "resume", "--by", "jo")
    both = attackacrack.ask("audit", "list", "--subject", "installation")["items"]
    assert [(entry["actor"], entry["act"]) for entry in both][:2] == [
        ("jo", "sending.resumed"),
        ("maria", "sending.stopped"),
    ]
    (stop,) = attackacrack.ask("audit", "list", "--actor", "maria", "--act", "sending.stopped")["items"]
    assert (stop["detail"], stop["address"]) == ({"reason": "x"}, None)
    assert attackacrack.ask("audit", "list", "--since", stop["at"], "--until", both[0]["at"])["items"] == [stop]
    page = attackacrack.ask("audit", "list", "--subject", "installation", "--limit", 1)
    assert attackacrack.ask("audit", "list", "--subject", "installation", "--after", page["next"])["items"][0] == stop
    shown = attackacrack.run("audit", "list", "--actor", "maria").out
    assert "sending.stopped" in shown
    assert "reason x" in shown


def test_a_question_that_means_nothing_is_one_line(attackacrack: CommandLine) -> None:
    answer = attackacrack.run("audit", "list", "--subject-id", 7)
    assert (answer.code, answer.err.count("\n")) == (3, 1)


def test_a_discarded_letter_says_why_and_by_whom(attackacrack: CommandLine) -> None:

    letter = add_letter(attackacrack.context, "debug_task", args=[], reason="x", error="x", attempts=1, task_id="1")
    attackacrack.ask("dead-letters", "discard", letter, "--note", "erased on request", "--by", "maria")
    shown = attackacrack.run("dead-letters", "show", letter).out
    assert "erased on request" in shown
    assert "maria" in shown
