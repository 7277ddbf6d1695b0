"""What is printed: words for people, literal text, and one document for programs."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

import pytest

from services.cli.output import cell, listing, plain, record, write_json, write_shown
from services.core.views.values import OfPerson, Page, View

NEW_YORK = ZoneInfo("America/New_York")
NOON = datetime(2026, 11, 24, 17, 0, 5, tzinfo=UTC)


class Colour(StrEnum):
    RED = "red"


class Thing(View):
    thing_id: int
    name: str | None
    seen_at: datetime | None = None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "yes"),
        (0, "0"),
        (1.239, "1.24"),
        (NOON, "2026-11-24 12:00:05 EST"),
        (timedelta(minutes=5, milliseconds=300), "0:05:00"),
        (Colour.RED, "red"),
        (["a", None, 2], "a, , 2"),
        ({"sent": 2, "failed": 1}, "sent 2, failed 1"),
        (Thing(thing_id=1, name="x"), "thing_id 1, name x, seen_at "),
        ("[bold]x[/]", "[bold]x[/]"),
    ],
)
def test_cell(value: object, shown: str) -> None:
    assert str(cell(value, NEW_YORK)) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoë 你好", "Zoë 你好"),
        ("a\x1b[2Jb", "a [2Jb"),
        ("a\r\nb\tc", "a  b c"),
        ("a\u202eb", "a b"),
        ("\x9b1m", " 1m"),
    ],
)
def test_plain(text: str, shown: str) -> None:
    assert plain(text) == shown


class TestWriting:
    def test_json_keeps_names_and_writes_iso(self, capsys: pytest.CaptureFixture[str]) -> None:
        write_json(
            {
                "at": NOON,
                "late_by": timedelta(minutes=5),
                "cost": Decimal("0.0300"),
                "item": Thing(thing_id=7, name=None),
            }
        )
        assert json.loads(capsys.readouterr().out) == {
            "at": "2026-11-24T17:00:05Z",
            "late_by": "PT5M",
            "cost": "0.0300",
            "item": {"thing_id": 7, "name": None, "seen_at": None},
        }

    def test_a_long_line_is_not_cut_on_a_pipe(self, capsys: pytest.CaptureFixture[str]) -> None:
        name = "x" * 300
        write_shown(Page(items=[Thing(thing_id=1, name=name)], next=1), show=listing("thing_id", "name"), zone=NEW_YORK)
        out = capsys.readouterr().out
        assert name in out
        assert "more: --after 1" in out

    def test_one_thing_is_a_line_for_each_field(self, capsys: pytest.CaptureFixture[str]) -> None:
        write_shown(Thing(thing_id=7, name="Ada", seen_at=NOON), show=record, zone=NEW_YORK)
        assert [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()] == [
            ["thing", "id", "7"],
            ["name", "Ada"],
            ["seen", "at", "2026-11-24 12:00:05 EST"],
        ]


class TestNarrow:
    """What a terminal of 80 or of 60 columns shows: every number, instant and word is whole."""

    class Text(OfPerson):
        message_id: int
        status: str
        reason: str | None
        not_before: datetime | None
        body: str

    TEXTS = Page[Text](
        items=[
            Text(
                message_id=1,
                e164="+12025550143",
                status="skipped",
                reason="suppressed:provider_refused_number",
                not_before=NOON,
                body="Is the crack wider now?",
            ),
            Text(
                message_id=2,
                e164="+12025550144",
                status="delivered",
                reason=None,
                not_before=None,
                body="Thank you",
            ),
        ],
        next=2,
    )
    COLUMNS = ("message_id", "phone", "status", "reason", "not_before", "body")

    @pytest.mark.parametrize("width", [40, 60, 80, 100, 132, 200])
    def test_nothing_is_cut(
        self, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", str(width))
        write_shown(self.TEXTS, show=listing(*self.COLUMNS), zone=NEW_YORK)
        out = capsys.readouterr().out
        assert max(map(len, out.splitlines())) <= width
        for whole in ("+12025550143", "+12025550144", "2026-11-24 12:00:05 EST", "skipped", "delivered", "phone"):
            assert whole in out, out
        assert {"refuses", "number", "wider", "Thank"} <= set(out.split())
        assert "provider_refused_number" not in out

    def test_nothing_at_all_is_said(self, capsys: pytest.CaptureFixture[str]) -> None:
        write_shown(Page(items=[], next=None), show=listing("message_id"), zone=NEW_YORK)
        assert capsys.readouterr().out == "none\n"

    def test_programs_get_codes_and_both_names_of_a_number(self, capsys: pytest.CaptureFixture[str]) -> None:
        write_json(self.TEXTS.items[0])
        shown = json.loads(capsys.readouterr().out)
        assert shown["phone"] == shown["e164"] == "+12025550143"
        assert shown["reason"] == "suppressed:provider_refused_number"
