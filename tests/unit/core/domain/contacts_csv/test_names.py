"""A column that says who is not to be texted is read, or the file is refused by its name, whatever it is dressed in."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.domain import text_folding
from services.core.domain.contacts_csv import FileRefused, read_contacts
from services.core.domain.contacts_csv.names import KNOWN_COLUMNS, OPTED_OUT, PHONE_NAMES, Doubt, name_key, read_name
from services.core.domain.contacts_csv.rows import read_mark
from services.core.domain.jobs_csv import JOB_COLUMN_NAMES, JOB_COLUMNS
from services.core.domain.phone_numbers import parse_phone_number

DATA = Path(text_folding.__file__).parent / "data"
LOOKALIKES = json.loads((DATA / "confusables.json").read_text())["letters"]
OPTED_OUT_NAMES = json.loads((DATA / "column_names.json").read_text())["opted_out"]

# As other programs write it into their exports, and as people head a column by hand.
OF_OTHERS = [
    *(
        "opted out date",
        "opt-out status",
        "Opted Out At",
        "opted_out (y/n)",
        "Opted out?",
        "is_opted_out",
        "OptOutReason",
    ),
    *(
        "do not disturb",
        "DND",
        "DoNotCall",
        "HasOptedOutOfEmail",
        "HasOptedOutOfFax",
        "Do Not Contact (SMS)",
        "no texts",
    ),
    *("Unsubscribed from all email", "Opted out of email: Marketing Information", "Subscription status", "unsub_time"),
    *(
        "SMS consent",
        "Consent",
        "TCPA consent date",
        "Accepts SMS Marketing",
        "Accepts Marketing",
        "opted_in",
        "OPTIN_TIME",
    ),
    *("ok to text?", "Can text", "May we text you?", "Text OK", "SMS allowed", "Permission to text", "Receives texts"),
    *("Allow SMS", "SMS Status", "Texting?", "Text", "Communication preferences", "GDPR", "Suppressed", "Blacklisted"),
    *("Blocked", "Exclude", "Remove", "Removed?", "Litigator", "Wrong number", "Deceased", "QUIT", "Cancel", "END"),
    *(
        "Revoked",
        "Declined",
        "don't text",
        "Don’t Call",
        "dont_contact",
        "never text",
        "Stop date",
        "stopped at",
        "STOPALL",
    ),
    *("baja", "No molestar", "no enviar mensajes", "Dado de baja", "Suscrito", "acepta SMS", "consentimiento"),
    *(
        "não enviar",
        "Descadastrado",
        "Não perturbe",
        "Ne pas contacter",
        "Désabonné",
        "Désinscrit",
        "Refusé",
        "liste noire",
    ),
    *(
        "pa voye",
        "Sispann",
        "退订",
        "勿打扰",
        "黑名單",
        "已同意",
        "Abgemeldet",
        "Keine Werbung",
        "Nicht kontaktieren",
        "Einwilligung",
    ),
    *(
        "disiscritto",
        "Non contattare",
        "consenso",
        "Afgemeld",
        "niet bellen",
        "Wypisany",
        "zgoda",
        "Отписан",
        "Не звонить",
    ),
    *("стоп", "수신거부", "配信停止", "إلغاء الاشتراك", "सहमति", "הסר", "huwag", "Từ chối", "ไม่ต้องการ", "გამოწერა"),
    *("🚫", "🚫 text", "📵", "STOP 🛑", "✗", "❌ sms", "???", "⠎⠞⠕⠏"),
]

INNOCENT = [
    *(
        "notes",
        "Company",
        "Address Line 2",
        "house",
        'height 5"',
        "Lead Status",
        "Last contacted",
        "Create Date",
        "Email",
    ),
    *(
        "block",
        "lot",
        "contact owner",
        "topic",
        "history topic",
        "Option",
        "Christopher",
        "orthodontist",
        "lumber",
        "doors",
    ),
    *(
        "number of rooms",
        "estate",
        "balcony",
        "job_type",
        "invoice_no",
        "amount due",
        "accepted quote",
        "phone 2",
        "c1",
        "x",
    ),
    *(
        "sub-type",
        "first;middle;last",
        "客户",
        "Город",
        "Notizen",
        "prénom",
        "stadt",
        "tree removal",
        "received_at",
        "name",
    ),
]

ZERO_WIDTH = ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\u034f", "\u0301", "\ufe0f"]
SEPARATORS = ["", " ", "_", "-", "\u00a0", "\u3000", ".", "/", "\n", " - ", "·", "–", "\u2007", "\t"]
AROUND = [
    ("", ""),
    ('"', '"'),
    ("“", "”"),
    ("'", "'"),
    ("«", "»"),
    ("(", ")"),
    ("[", "]"),
    ("*", "*"),
    (" ", "?"),
    ("", ":"),
]


def _wide(letter: str) -> str:
    return chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter


def _bold(letter: str) -> str:
    return chr(0x1D41A + ord(letter) - ord("a")) if "a" <= letter <= "z" else letter


@st.composite
def disguises(draw: st.DrawFn, names: list[str]) -> str:
    """A known name with every letter in another dress."""
    dressed = []
    for letter in draw(st.sampled_from(names)):
        if letter in "_ ":
            dressed.append(draw(st.sampled_from(SEPARATORS)))
            continue
        looks = [
            letter,
            letter.upper(),
            _wide(letter),
            _wide(letter.upper()),
            _bold(letter),
            *LOOKALIKES.get(letter, ""),
        ]
        dressed.append(draw(st.sampled_from(looks)))
        dressed.append(draw(st.sampled_from(["", "", "", *ZERO_WIDTH])))
    left, right = draw(st.sampled_from(AROUND))
    return left + "".join(dressed) + right


class TestReadName:
    @given(disguises(OPTED_OUT_NAMES))
    @settings(max_examples=400)
    def test_opted_out_is_known_in_every_disguise(self, name: str) -> None:
        assert read_name(name) == OPTED_OUT

    @pytest.mark.parametrize("known", sorted(KNOWN_COLUMNS | set(PHONE_NAMES)))
    @given(data=st.data())
    @settings(max_examples=40)
    def test_and_so_is_every_other_column(self, known: str, data: st.DataObject) -> None:
        assert read_name(data.draw(disguises([known]))) == read_name(known)

    @pytest.mark.parametrize("known", sorted(JOB_COLUMNS))
    @given(data=st.data())
    @settings(max_examples=40)
    def test_those_of_jobs_are_known_where_jobs_are_read(self, known: str, data: st.DataObject) -> None:
        assert read_name(data.draw(disguises([known])), JOB_COLUMN_NAMES) == known

    @given(
        st.sampled_from([name for name in OPTED_OUT_NAMES if len(name_key(name)) >= 6]),
        st.data(),
        st.sampled_from("abcdefghijklmnopqrstuvwxyz"),
        st.sampled_from(["less", "more", "other", "swapped"]),
    )
    @settings(max_examples=300)
    def test_a_slip_is_in_doubt(self, name: str, data: st.DataObject, letter: str, slip: str) -> None:
        place = data.draw(st.integers(0, len(name) - 2))
        head, at, rest = name[:place], name[place], name[place + 1 :]
        written = {
            "less": head + rest,
            "more": head + letter + at + rest,
            "other": head + letter + rest,
            "swapped": head + rest[0] + at + rest[1:],
        }[slip]
        assert read_name(written) in (OPTED_OUT, Doubt(OPTED_OUT))

    @given(st.sampled_from(OPTED_OUT_NAMES), st.data())
    @settings(max_examples=100)
    def test_digits_for_letters_are_in_doubt(self, name: str, data: st.DataObject) -> None:
        leet = {"o": "0", "i": "1", "l": "1", "e": "3", "a": "4", "s": "5$", "t": "7", "b": "8"}
        written = "".join(data.draw(st.sampled_from([letter, *leet.get(letter, "")])) for letter in name)
        assert read_name(written) in (OPTED_OUT, Doubt(OPTED_OUT))

    @pytest.mark.parametrize("name", OF_OTHERS)
    def test_whatever_else_says_so_is_no_field(self, name: str) -> None:
        assert not isinstance(read_name(name), str) or read_name(name) == OPTED_OUT

    @pytest.mark.parametrize("name", INNOCENT)
    def test_the_file_s_own_names_stay(self, name: str) -> None:
        found = read_name(name)
        assert isinstance(found, str)
        assert found not in KNOWN_COLUMNS

    @pytest.mark.parametrize(
        ("name", "meaning"),
        [
            ("State/Region", "state"),
            ("US state", "state"),
            ("5tate", "state"),
            ("state2", "state"),
            ("Time zone (IANA)", "timezone"),
            ("timezne", "timezone"),
            ("frist name", "first_name"),
            ("l4st_name", "last_name"),
            ("externalid1", "external_id"),
            ("phon3", "phone"),
        ],
    )
    def test_what_resembles_another_column_is_in_doubt(self, name: str, meaning: str) -> None:
        assert read_name(name) == Doubt(meaning)

    @pytest.mark.parametrize("name", ["", "  ", "\u200b", "\ufeff \u00a0"])
    def test_no_name(self, name: str) -> None:
        assert read_name(name) is None


class TestFile:
    @given(
        disguises(OPTED_OUT_NAMES),
        st.sampled_from(",;\t|"),
        st.sampled_from(["", " ", "  \u00a0", "\ufeff", "\u200b "]),
    )
    @settings(max_examples=300)
    def test_the_marked_person_is_never_accepted(self, name: str, delimiter: str, blank: str) -> None:
        quoted = [f'{blank}"{cell.replace(chr(34), chr(34) * 2)}"' for cell in ("phone", "first_name", name)]
        row = [f'{blank}"{cell}"' for cell in ("(802) 555-0141", "Zed", "yes")]
        text = "\n".join(delimiter.join(cells) for cells in (quoted, row))
        [read] = read_contacts([text.encode()], parse_number=parse_phone_number)
        assert (read.e164, read.first_name, read.opted_out, read.fields) == ("+18025550141", "Zed", True, {})

    @pytest.mark.parametrize("name", ["opted out date", "SMS consent", "退订日期"])
    def test_a_doubt_refuses_the_file_and_names_the_column_and_the_remedy(self, name: str) -> None:
        with pytest.raises(FileRefused, match=f'column 2, "{name}".*opted_out, yes or no') as refused:
            list(read_contacts([f"phone,{name}\n2125550101,yes\n".encode()], parse_number=parse_phone_number))
        assert (refused.value.code, refused.value.line) == ("doubtful_column", 1)

    def test_all_doubts_are_named_at_once_and_invisible_signs_shown(self) -> None:
        with pytest.raises(
            FileRefused, match=r'column 2, "opt\\u200bed out on".*column 3, "State/Region".*call it state'
        ):
            list(
                read_contacts(
                    ["phone,opt\u200bed out on,State/Region\n1,2,3\n".encode()], parse_number=parse_phone_number
                )
            )


class TestReadMark:
    @pytest.mark.parametrize(
        "mark",
        [
            "yes",
            "ＹＥＳ",
            " Y ",
            "y\u200bes",
            "уеѕ",
            "“yes”",
            "yes!",
            "Yes.",
            "¹",
            "1️⃣",
            "𝐲",
            "✓",
            "☑",
            "✅ ",
            "TRUE",
            "x",
        ],
    )
    def test_a_yes_in_any_disguise(self, mark: str) -> None:
        assert read_mark(mark) is True

    @pytest.mark.parametrize("mark", ["no", "ＮＯ", " n ", "０", "false", "", "\u00a0", "FALSE"])
    def test_a_plain_no(self, mark: str) -> None:
        assert read_mark(mark) is False

    @pytest.mark.parametrize(
        "mark", ["?", "-", "❌", "✗", "и", "nо", "maybe", "2026-03-01", "\u200b", "yes and no", "stop", "..."]
    )
    def test_all_else_says_neither(self, mark: str) -> None:
        assert read_mark(mark) is None
