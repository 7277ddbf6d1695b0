import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.domain.csv_export import Cell, PhoneCell, escape_cell, export_csv


def exported(*rows: list[Cell], header: tuple[str, ...] = ("a",)) -> list[list[str]]:
    written = b"".join(export_csv(header, rows)).decode()
    return list(csv.reader(io.StringIO(written, newline="")))[1:]


class TestEscapeCell:
    @pytest.mark.parametrize(
        ("text", "escaped"),
        [
            ("", ""),
            ("Ann", "Ann"),
            ("a=b", "a=b"),
            ("a-b", "a-b"),
            ("'=1", "'=1"),
            ("=1+1", "'=1+1"),
            ("+1 212", "'+1 212"),
            ("-5", "'-5"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\rx", "'\rx"),
            ("\nx", "'\nx"),
            ("  =1", "'  =1"),
            ("\u00a0=1", "'\u00a0=1"),
            ("\u3000\u200b@x", "'\u3000\u200b@x"),
            ("\ufeff=1", "'\ufeff=1"),
            ("＝1", "'＝1"),
            ("a\n=1", "a\n'=1"),
            ("a\r\n +1", "a\r\n' +1"),
            ("a\r@x", "a\r'@x"),
            ("a\u2028-x", "a\u2028'-x"),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ],
    )
    def test_formulas_get_a_quote(self, text: str, escaped: str) -> None:
        assert escape_cell(text) == escaped

    @given(st.text(alphabet=st.sampled_from("=+-@\t\r\n \u00a0a'\"，;,"), max_size=30))
    @settings(max_examples=200)
    def test_no_line_begins_with_a_formula(self, text: str) -> None:
        escaped = escape_cell(text)
        assert escaped.replace("'", "") == text.replace("'", "")
        assert all(line.lstrip()[:1] not in tuple("=+-@") for line in escaped.splitlines())
        assert escaped[:1] not in ("\t", "\r", "\n")
        assert escape_cell(escaped) == escaped

    def test_a_long_cell_of_line_ends_takes_no_time(self) -> None:
        assert escape_cell("\n" * 100_000).startswith("'")


class TestExportCsv:
    def test_types_are_written_as_they_are_and_texts_escaped(self) -> None:
        row: list[Cell] = ["=1", -5, Decimal("-0.01"), True, None, datetime(2026, 11, 23, 18, tzinfo=UTC)]
        assert exported(row) == [["'=1", "-5", "-0.01", "yes", "", "2026-11-23T18:00:00+00:00"]]

    def test_the_plus_of_a_number_survives_and_of_nothing_else(self) -> None:
        assert exported([PhoneCell("+12125550101"), PhoneCell("+1;=x"), "+12125550101"]) == [
            ["+12125550101", "'+1;=x", "'+12125550101"]
        ]

    def test_headers_are_escaped_and_every_cell_is_quoted(self) -> None:
        assert b"".join(export_csv(["=a", "b"], [["x;=1", 2]])) == b'"\'=a","b"\r\n"x;=1","2"\r\n'

    def test_a_byte_order_mark_comes_first_when_asked_for(self) -> None:
        assert b"".join(export_csv(["a"], [], byte_order_mark=True)) == b'\xef\xbb\xbf"a"\r\n'

    @given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
    @settings(max_examples=100)
    def test_what_is_written_is_read_back(self, row: list[str]) -> None:
        assert exported([*row]) == [[escape_cell(text) for text in row]]
