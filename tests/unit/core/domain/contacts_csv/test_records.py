import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.domain.contacts_csv import FileRefused
from services.core.domain.contacts_csv.records import read_records, split_lines


class TestSplitLines:
    @pytest.mark.parametrize(
        ("texts", "lines"),
        [
            ([], []),
            ([""], []),
            (["a"], ["a"]),
            (["a\n"], ["a"]),
            (["a\r", "\nb"], ["a", "b"]),
            (["a\r", "b\r"], ["a", "b"]),
            (["a", "b", "\n\n"], ["ab", ""]),
            (["a\u2028b\x0b\x0c\x85c"], ["a\u2028b\x0b\x0c\x85c"]),
        ],
    )
    def test_lines_end_at_lf_crlf_and_cr(self, texts: list[str], lines: list[str]) -> None:
        assert list(split_lines(texts)) == [(line, True) for line in lines]

    @pytest.mark.parametrize("step", [1_000, 65_536, 65_537, 200_000])
    def test_a_long_line_comes_in_the_same_pieces_however_it_arrives(self, step: int) -> None:
        text = "a" * 150_000 + "\n" + "b" * 65_536 + "\r\n" + "c" * 65_537
        pieces = list(split_lines(text[start : start + step] for start in range(0, len(text), step)))
        assert [(len(piece), ends) for piece, ends in pieces] == [
            (65_536, False),
            (65_536, False),
            (18_928, True),
            (65_536, True),
            (65_536, False),
            (1, True),
        ]


class TestReadRecords:
    @given(st.text(alphabet=st.sampled_from('ab",\n'), max_size=60))
    @settings(max_examples=200)
    def test_odd_quoting_is_read_as_by_the_standard_library(self, text: str) -> None:
        *rows, last = csv.reader(io.StringIO(f"{text}\nEND", newline=""))
        records = read_records(split_lines([text]), ",")
        if last == ["END"]:
            assert [record.cells for record in records] == [row for row in rows if row]
        else:
            with pytest.raises(FileRefused, match="never closed"):
                list(records)

    def test_the_machine_for_rows_over_several_lines_agrees_with_the_fast_way(self) -> None:
        odd = 'a"b,"c"d,"e""f",,"",  "g",h"""'
        [fast] = read_records([(odd, True)], ",")
        [slow] = read_records([*((letter, False) for letter in odd), ("", True)], ",")
        assert slow.cells == fast.cells

    @pytest.mark.parametrize("blank", [" ", "\t", "\u00a0", "\u3000", "\ufeff", "\u200b", " \u200b  "])
    @pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
    def test_blanks_before_an_opening_quote_do_not_count(self, blank: str, delimiter: str) -> None:
        if delimiter in blank:
            return
        line = delimiter.join([f'{blank}"a"', f'{blank}"b{delimiter}""{blank}""c"', f'x{blank}"d"', blank])
        whole = [["a", f'b{delimiter}"{blank}"c', f'x{blank}"d"', blank]]
        assert [record.cells for record in read_records([(line, True)], delimiter)] == whole
        letters = [*((letter, False) for letter in line), ("", True)]
        assert [record.cells for record in read_records(letters, delimiter)] == whole

    def test_lines_count_where_the_row_starts(self) -> None:
        records = read_records(split_lines(['a\n\n"b\n\nc",d\n\ne']), ",", first_line=5)
        assert [record.line for record in records] == [5, 7, 11]
