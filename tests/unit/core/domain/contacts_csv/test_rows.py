import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.domain.contacts_csv import ContactRow, FileRefused, read_contacts
from services.core.domain.contacts_csv.cells import Fault
from services.core.domain.phone_numbers import parse_phone_number

NUMBER = "2125550101"
E164 = "+12125550101"


def read(data: bytes | str, *, step: int | None = None, max_bytes: int = 1 << 30) -> list[ContactRow]:
    data = data.encode() if isinstance(data, str) else data
    chunks = [data[start : start + step] for start in range(0, len(data), step)] if step else [data]
    return list(read_contacts(chunks, parse_number=parse_phone_number, max_bytes=max_bytes))


def refusal(data: bytes | str, **options: int) -> FileRefused:
    with pytest.raises(FileRefused) as refused:
        read(data, **options)
    return refused.value


class TestHeader:
    @pytest.mark.parametrize("name", ["phone", "Mobile", "CELL", " number ", "Phone Number", "phone_number", '"phone"'])
    def test_every_name_of_the_phone_column(self, name: str) -> None:
        assert read(f"{name}\n{NUMBER}\n") == [ContactRow(line=2, e164=E164)]

    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_the_header_decides_the_delimiter(self, delimiter: str) -> None:
        other = ";" if delimiter == "," else ","
        [row] = read(f"notes{delimiter}Phone\na{other}b{delimiter}{NUMBER}\n")
        assert (row.e164, row.fields) == (E164, {"notes": f"a{other}b"})

    def test_a_header_may_hold_other_delimiters(self) -> None:
        [row] = read(f"phone,first;middle;last\n{NUMBER},a;b;c\n")
        assert row.fields == {"first;middle;last": "a;b;c"}

    def test_columns_are_known_whatever_their_spelling(self) -> None:
        header = "External ID,FIRSTNAME,last name,City,STATE,Zip,Time_Zone,Opted Out,phone,Job Type"
        [row] = read(f"{header}\n7,Ann,Lee,Reno,NV,89501,America/New_York,n,{NUMBER},deep piers\n")
        assert row == ContactRow(
            line=2,
            e164=E164,
            first_name="Ann",
            last_name="Lee",
            city="Reno",
            state="NV",
            zip="89501",
            timezone="America/New_York",
            external_id="7",
            fields={"job_type": "deep piers"},
        )

    def test_an_unnamed_column_is_reported_when_it_holds_something(self) -> None:
        rows = read(f"phone,,\n{NUMBER},,\n{NUMBER},,x\n")
        assert [row.warnings for row in rows] == [(), ("unnamed_column_ignored",)]

    def test_quoted_line_ends_belong_to_the_name(self) -> None:
        [row] = read(f'"phone","job\ntype"\n{NUMBER},pier\n')
        assert (row.line, row.fields) == (3, {"job_type": "pier"})

    def test_a_quote_inside_a_name_is_text(self) -> None:
        [row] = read(f'phone,height 5"\n{NUMBER},6\n')
        assert row.fields == {'height_5"': "6"}

    @pytest.mark.parametrize(
        ("data", "code", "status", "line"),
        [
            ("", "no_rows", 422, None),
            ("\n \r\n\t\n", "no_rows", 422, None),
            ("phone,city\n", "no_rows", 422, None),
            ("phone,city\n\n   \n", "no_rows", 422, None),
            (f"{NUMBER},Ann\n{NUMBER},Ann\n", "no_phone_column", 422, 1),
            (f"\n\nname,city\n{NUMBER},x\n", "no_phone_column", 422, 3),
            (f"phone,City,c_i t_y\n{NUMBER},x,y\n", "duplicate_headers", 422, 1),
            (f"phone,mobile\n{NUMBER},{NUMBER}\n", "duplicate_headers", 422, 1),
            (f"sep=;\nphone;city\n{NUMBER};x\n", "sep_line", 422, 1),
            (f"\n\ufeff SEP=,\nphone,city\n{NUMBER},x\n", "sep_line", 422, 2),
            (f"# exported today\nphone,city\n{NUMBER},x\n", "comment_line", 422, 1),
            (f"phone,{'a' * 201}\n{NUMBER},x\n", "header_too_long", 422, 1),
            (",".join(["phone", *(f"c{n}" for n in range(1000))]) + f"\n{NUMBER}\n", "too_many_columns", 422, 1),
            (",".join(f"c{n}" for n in range(10_000)) + f"\n{NUMBER}\n", "too_many_columns", 422, 1),
            ("phone" + "a" * 1_000_000, "header_too_long", 422, 1),
            (f'"phone,city\n{NUMBER},x\n', "unclosed_quote", 422, 1),
            (f'phone,city\n{NUMBER},"x\n{NUMBER},y\n', "unclosed_quote", 422, 2),
            (f'phone,city\n{NUMBER},x\n{NUMBER},"y""\n', "unclosed_quote", 422, 3),
            ("pho\0ne,city\nx,y\n", "not_text", 415, 1),
            (b"phone,st\xe4dt\n2125550101,x\n", "undecidable_encoding", 422, 1),
        ],
    )
    def test_unusable_files_are_refused(self, data: bytes | str, code: str, status: int, line: int | None) -> None:
        refused = refusal(data)
        assert (refused.code, refused.status, refused.line) == (code, status, line)

    def test_a_thousand_columns_with_long_names_are_read(self) -> None:
        header = ",".join(["phone", *(f"c{n}".ljust(200, "x") for n in range(999))])
        [row] = read(f"{header}\n{NUMBER}{',1' * 999}\n")
        assert len(row.fields) == 999


class TestEncoding:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
    def test_marks_decide(self, encoding: str) -> None:
        mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
        [row] = read(f"{mark}phone,first_name\n{NUMBER},Zoë 😀 李\n".encode(encoding))
        assert row.first_name == "Zoë 😀 李"

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
    def test_what_is_not_clear_is_refused(self, encoding: str) -> None:
        refused = refusal(f"phone,city\n{NUMBER},x\n".encode(encoding))
        assert (refused.code, refused.status) == ("undecidable_encoding", 422)

    @pytest.mark.parametrize(
        "data",
        [
            b"PK\x03\x04\x14\x00xl/workbook.xml",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            b"\x1f\x8b\x08\x00",
            b"%PDF-1.7",
            b"\x89PNG\r\n\x1a\n",
            b"phone".ljust(257, b"\0") + b"ustar\x0000",
            b"<!DOCTYPE html><table>",
            b"\xef\xbb\xbf  <html>",
            b"<?xml version='1.0'?>",
            "<html>".encode("utf-16"),
            b"\x00\x01\x02\x03phone",
        ],
    )
    def test_what_is_no_text_is_refused_by_content(self, data: bytes) -> None:
        refused = refusal(data + b"\nphone,city\n2125550101,x\n")
        assert (refused.code, refused.status) == ("not_text", 415)

    def test_a_row_with_bad_bytes_is_refused_alone(self) -> None:
        rows = read(b"phone,city\n2125550101,x\n2125550102,M\xfcnchen\n2125550103,y\n")
        assert [row.rejection for row in rows] == [None, "bad_bytes", None]

    @pytest.mark.parametrize("bad", [b"\xff", b"\0", b"\xed\xa0\x80", b"\xc3"])
    def test_in_half_of_the_rows_they_refuse_the_file(self, bad: bytes) -> None:
        data = b"phone,city\n2125550101,x\n2125550102,a" + bad + b"\n"
        refused = refusal(data)
        assert (refused.code, refused.status, refused.line) == ("bad_bytes", 422, 3)
        assert refused.byte_offset == len(data) - 1 - len(bad)

    @pytest.mark.parametrize("tail", [b"\x00\xd8\x0a\x00", b"\x00\xd8", b"\x61"])
    def test_broken_utf_16_is_bad_bytes_too(self, tail: bytes) -> None:
        data = f"\ufeffphone,city\n{NUMBER},a".encode("utf-16-le")
        refused = refusal(data + tail)
        assert (refused.code, refused.line, refused.byte_offset) == ("bad_bytes", 2, len(data))

    def test_a_bad_byte_in_the_header_says_where(self) -> None:
        refused = refusal(b'\n"phone","st\n\xe4dt"\n2125550101,x\n')
        assert (refused.code, refused.line, refused.byte_offset) == ("undecidable_encoding", 2, 13)

    def test_a_bad_byte_below_a_header_with_an_odd_quote_is_the_rows(self) -> None:
        rows = read(b'phone,height 5"\n2125550101,\xff\n2125550102,6"\n2125550103,7\n')
        assert [row.rejection for row in rows] == ["bad_bytes", None, None]

    def test_latin_1_is_never_guessed(self) -> None:
        assert refusal(f"phone,city\n{NUMBER},Málaga\n".encode("latin-1")).code == "bad_bytes"

    def test_the_size_limit_is_named_and_exact(self) -> None:
        data = f"phone\n{NUMBER}\n"
        assert len(read(data, max_bytes=len(data))) == 1
        refused = refusal(data, max_bytes=len(data) - 1)
        assert (refused.code, refused.status) == ("too_large", 413)
        assert f"{len(data) - 1} bytes" in refused.detail


class TestRows:
    @pytest.mark.parametrize(
        ("number", "reason"),
        [
            ("", "missing"),
            ("  ", "missing"),
            ("n/a", "not_a_number"),
            ("1.5551E+10", "scientific_notation"),
            ("555-0101", "too_short"),
            ("212555010122222222", "too_long"),
            ("1235550101", "invalid_area_code"),
            ("+44 20 7946 0958", "country_not_allowed"),
            ("8005550101", "not_textable"),
            ("2125550101 / 2125550102", "two_numbers"),
        ],
    )
    def test_a_number_is_refused_with_its_reason(self, number: str, reason: str) -> None:
        assert [row.rejection for row in read(f"phone,city\n{number},x\n")] == [reason]

    @pytest.mark.parametrize(
        "cell", ["2125550101", "+1 212 555 0101", "(212) 555-0101", "212.555.0101", "1-212-555-0101", '"212 555 0101 "']
    )
    def test_a_number_has_many_spellings(self, cell: str) -> None:
        assert [row.e164 for row in read(f"phone\n{cell}\n")] == [E164]

    def test_an_extension_is_dropped_and_said(self) -> None:
        assert read(f"phone\n{NUMBER} x12\n") == [ContactRow(line=2, e164=E164, warnings=("extension_dropped",))]

    @pytest.mark.parametrize("mark", ["yes", "TRUE", "1", "y", "X", " Yes "])
    def test_a_yes_mark_opts_out(self, mark: str) -> None:
        assert read(f"phone,opted_out\n{NUMBER},{mark}\n") == [ContactRow(line=2, e164=E164, opted_out=True)]

    @pytest.mark.parametrize("mark", ["no", "False", "0", "N", "", "  "])
    def test_a_no_mark_does_not(self, mark: str) -> None:
        assert read(f"phone,opted_out\n{NUMBER},{mark}\n") == [ContactRow(line=2, e164=E164)]

    @pytest.mark.parametrize("mark", ["maybe", "2", "ja", "stop", "-"])
    def test_any_other_mark_refuses_the_row(self, mark: str) -> None:
        [row] = read(f"phone,opted_out\n{NUMBER},{mark}\n")
        assert row == ContactRow(line=2, e164=E164, rejection="bad_opt_out_mark")

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            (f"{NUMBER},Ann\0,Reno,yes".encode(), "bad_bytes"),
            (f"{NUMBER},Ann,\xff,yes".encode("latin-1"), "bad_bytes"),
            (f"{NUMBER},{'a' * 201},Reno,yes".encode(), "field_too_long"),
            (f"{NUMBER},Ann,{'a' * 10_001},yes".encode(), "field_too_long"),
            (f"{NUMBER},Ann,yes".encode(), "ragged"),
            (f"{NUMBER},Ann,Reno,NV,yes".encode(), "ragged"),
            (f"{NUMBER},Ann,Reno,yes,NV".encode(), "ragged"),
        ],
    )
    def test_a_refused_row_still_opts_out(self, row: bytes, reason: str) -> None:
        good = f"{NUMBER},a,b,no\n".encode()
        rows = read(b"phone,first_name,city,opted_out\n" + good + row + b"\n" + good)
        assert rows[1] == ContactRow(line=3, e164=E164, opted_out=True, rejection=reason)

    def test_an_unreadable_number_opts_nobody_out_but_keeps_the_mark(self) -> None:
        [row] = read("phone,opted_out\n12,yes\n")
        assert (row.e164, row.opted_out, row.rejection) == (None, True, "too_short")

    @pytest.mark.parametrize(
        ("header", "cell", "reason"),
        [
            ("first_name", "a" * 200, None),
            ("last_name", "a" * 201, "field_too_long"),
            ("notes", "a" * 10_000, None),
            ("notes", "a" * 10_001, "field_too_long"),
            ("notes", '"' + "a\n" * 5_001 + '"', "field_too_long"),
            ("notes", "a" * 100_000, "field_too_long"),
            ("notes", '"' + ("a,b" * 100 + "\n") * 35_000 + '"', "field_too_long"),
        ],
    )
    def test_long_cells(self, header: str, cell: str, reason: str | None) -> None:
        rows = read(f"phone,{header}\n{NUMBER},{cell}\n{NUMBER},x\n")
        assert [row.rejection for row in rows] == [reason, None]

    @pytest.mark.parametrize("zone", ["EST", "GMT+5", "America/Nowhere", "Etc/GMT+5", "../etc/passwd"])
    def test_a_bad_zone_is_ignored_and_said(self, zone: str) -> None:
        [row] = read(f"phone,timezone\n{NUMBER},{zone}\n")
        assert (row.timezone, row.rejection, row.warnings) == (None, None, ("timezone_ignored",))

    def test_no_zone_is_no_warning(self) -> None:
        [row] = read(f"phone,timezone\n{NUMBER},\n")
        assert (row.timezone, row.warnings) == (None, ())

    @pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
    def test_blank_lines_are_no_rows_and_empty_cells_are(self, ends: str) -> None:
        rows = read(ends.join(["", "phone,city", "", f"{NUMBER},x", "  ", ",", " , ", f"{NUMBER},y"]))
        assert [(row.line, row.rejection) for row in rows] == [(4, None), (6, "missing"), (7, "missing"), (8, None)]

    def test_line_ends_may_be_mixed(self) -> None:
        rows = read(f"phone,city\r{NUMBER},a\r\n{NUMBER},b\n\r{NUMBER},c\r\r\n{NUMBER},d")
        assert [(row.line, row.fields or row.city) for row in rows] == [(2, "a"), (3, "b"), (5, "c"), (7, "d")]

    @pytest.mark.parametrize(
        ("cell", "text"),
        [
            ('a "b" c', 'a "b" c'),
            ('"a"b', "ab"),
            ('"a""b"', 'a"b'),
            ('""', None),
            ('"a" ', "a"),
            ('5" pier', '5" pier'),
            ('"a\r\nb\rc"', "a\nb\nc"),
            ("'a'", "'a'"),
            ("=1+1", "=1+1"),
            ('"\t=1"', "=1"),
            ("{{7*7}}", "{{7*7}}"),
            ("<b>x</b>", "<b>x</b>"),
            ("e\u0301", "\u00e9"),
            ("a\u2028b\x0bc\x85d", "a\u2028b\x0bc\x85d"),
        ],
    )
    def test_odd_cells_are_text(self, cell: str, text: str | None) -> None:
        [row] = read(f"phone,notes\n{NUMBER},{cell}\n")
        assert row.fields == ({} if text is None else {"notes": text})

    @pytest.mark.parametrize(
        "said",
        [
            "Unsubscribed",
            "OPTED OUT",
            "opted-out",
            "Do not text!",
            "D.N.C.",
            "ｕｎｓｕｂｓｃｒｉｂｅｄ",
            "unѕubscribed",
            "“DNC”",
        ],
    )
    def test_a_cell_of_another_column_that_says_do_not_text_refuses_the_row(self, said: str) -> None:
        [row] = read(f"phone,status,Extra,\n{NUMBER},{said},,\n")
        assert (row.e164, row.rejection, row.opted_out) == (E164, "bad_opt_out_mark", False)
        assert row.fault == Fault("status", said)
        [unnamed] = read(f"phone,\n{NUMBER},{said}\n")
        assert unnamed.rejection == "bad_opt_out_mark"

    @pytest.mark.parametrize(
        "said", ["stopped", "do not forget the ladder", "optional", "unsure", "dance", "donut", "Döner"]
    )
    def test_other_words_are_text(self, said: str) -> None:
        [row] = read(f"phone,status\n{NUMBER},{said}\n")
        assert (row.rejection, row.fields) == (None, {"status": said})

    def test_millions_of_blank_lines_and_columns_are_harmless(self) -> None:
        rows = read("\n" * 200_000 + f"phone,city\n{',' * 100_000}\n{NUMBER},x\n")
        assert [(row.line, row.rejection) for row in rows] == [(200_002, "ragged"), (200_003, None)]


CELLS = st.text(alphabet=st.sampled_from("a\"',;|\t\r\n é\u00a0😀0"), max_size=12)


class TestProperties:
    @given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8), st.sampled_from([",", ";", "\t", "|"]))
    @settings(max_examples=150)
    def test_what_a_writer_writes_is_read(self, cells: list[tuple[str, str]], delimiter: str) -> None:
        written = io.StringIO(newline="")
        writer = csv.writer(written, delimiter=delimiter)
        writer.writerow(["phone", "one", "two"])
        writer.writerows([NUMBER, *pair] for pair in cells)
        rows = read(written.getvalue())
        assert [(row.fields.get("one", ""), row.fields.get("two", "")) for row in rows] == [
            tuple(cell.replace("\r\n", "\n").replace("\r", "\n").strip() for cell in pair) for pair in cells
        ]

    @given(
        st.lists(
            st.sampled_from(
                [b"2125550101", b",", b"\n", b"\r", b"\r\n", b'"', b"\xff", b"\0", "é😀".encode(), b"x" * 700, b" "]
            ),
            max_size=30,
        ),
        st.integers(min_value=1, max_value=9),
        st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    )
    @settings(max_examples=150)
    def test_chunks_may_be_cut_anywhere(self, pieces: list[bytes], step: int, encoding: str) -> None:
        body = b"".join(pieces)
        head = "phone,city\n2125550101,x\n2125550102,y\n".encode(encoding)
        data = head + (body.decode(errors="replace").encode("utf-16-le") + body[:1] if encoding == "utf-16" else body)
        assert outcome(data, step) == outcome(data, None)

    @given(st.binary(max_size=200))
    @settings(max_examples=150)
    def test_any_bytes_are_rows_or_one_refusal(self, data: bytes) -> None:
        *rows, last = outcome(b"phone,city\n" + data, None)
        assert all(isinstance(row, ContactRow) for row in rows)
        assert isinstance(last, ContactRow | tuple)


def outcome(data: bytes, step: int | None) -> list[ContactRow | tuple[object, ...]]:
    found: list[ContactRow | tuple[object, ...]] = []
    chunks: Iterator[bytes] = (
        (data[start : start + step] for start in range(0, len(data), step)) if step else iter([data])
    )
    try:
        found.extend(read_contacts(chunks, parse_number=parse_phone_number))
    except FileRefused as refused:
        found.append((refused.code, refused.status, refused.line, refused.byte_offset))
    return found
