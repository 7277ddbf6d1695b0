"""Every sentence of the contract about numbers (section 6b) is a row here."""

import unicodedata

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.domain.phone_numbers import NumberRejection, PhoneNumber, is_e164, parse_phone_number
from services.core.domain.zones import area_codes

SPELLINGS = [
    "+12125553456",
    "12125553456",
    "2125553456",
    "212-555-3456",
    "(212) 555-3456",
    "212.555.3456",
    "212/555/3456",
    "1 212 555 3456",
    "+1 (212) 555-3456",
    "(+1) 212 555 3456",
    "  212 555 3456\t",
    "'2125553456",
    "tel:+1-212-555-3456",
    "TEL:2125553456;phone-context=+1",
    "\u202a+1\u00a0212\u2011555\u20133456\u202c",
    "２１２５５５３４５６",
    "٢١٢٥٥٥٣٤٥٦",
    "\ufeff212\u200b5553456",
    "[212] 555-3456",
    "{212} 555-3456",
    "<212>555-3456",
    "（212）555-3456",
    "【212】555-3456",
    "⟨212⟩ 555 3456",
    "(212-555-3456)",
    "(1-212) 555-3456",
    "(1) 212-555-3456",
    "212) 555-3456",
    "(212 555-3456",
]

EXTENSIONS = [
    "212-555-3456 x5",
    "212-555-3456 ext. 1234",
    "212-555-3456, extension 12",
    "2125553456#77",
    "(212) 555-3456 Ext:9",
    "tel:+1-212-555-3456;ext=5",
    "212-555-3456,,9",
    "212-555-3456,9",
    "212-555-3456;9",
    "212-555-3456, , 9",
    "212-555-3456p9",
    "212-555-3456 w 9",
    "212-555-3456;x5",
    "212-555-3456 (ext 5)",
    "212-555-3456 [x5]",
    "212-555-3456 Ext. #5",
    "212-555-3456 ~5",
    "212-555-3456 int 5",
    "212-555-3456 extensión 12",
    "212-555-3456 ×5",
    "212-555-3456 ｅｘｔ 5",
    "+12125553456,,1234",
]

REJECTIONS = [
    ("", "missing"),
    ("   ", "missing"),
    ("\u200b", "missing"),
    ("N/A", "not_a_number"),
    ("none", "not_a_number"),
    ("null", "not_a_number"),
    ("-", "not_a_number"),
    ("()", "not_a_number"),
    ("+", "not_a_number"),
    ("cell: 212-555-3456", "not_a_number"),
    ("212-555-3456 (mobile)", "not_a_number"),
    ("1-800-FLOWERS", "not_a_number"),
    ("sip:+12125553456@example.com", "not_a_number"),
    ("sms:+12125553456", "not_a_number"),
    ("https://example.com/2125553456", "not_a_number"),
    ("2125553456.0", "not_a_number"),
    ("12125553456.0", "not_a_number"),
    ("2125553456.00", "not_a_number"),
    ("2,125,553,456", "not_a_number"),
    ("=2125553456", "not_a_number"),
    ("-2125553456", "not_a_number"),
    ("++12125553456", "not_a_number"),
    ("$2125553456", "not_a_number"),
    ("212555345⁶", "not_a_number"),
    ("212555345₆", "not_a_number"),
    ("212555345⑥", "not_a_number"),
    ("①2125553456", "not_a_number"),
    ("⑴2125553456", "not_a_number"),
    ("1️⃣2125553456", "not_a_number"),
    ("2125553456²", "not_a_number"),
    ("2125553456½", "not_a_number"),
    ("212555345(6)", "not_a_number"),
    ("212555345[6]", "not_a_number"),
    ("212-555-3456 (2)", "not_a_number"),
    ("212-555-(3456)", "not_a_number"),
    ("(3) 212-555-345", "not_a_number"),
    ("212-555-3456, 5678", "two_numbers"),
    ("1.5551E+10", "scientific_notation"),
    ("1,5551E+10", "scientific_notation"),
    ("1.2125553456E10", "scientific_notation"),
    ("2.12556e9", "scientific_notation"),
    ("2.e9", "scientific_notation"),
    ("911", "not_textable"),
    ("12345", "not_textable"),
    ("123456", "not_textable"),
    ("123-456", "not_textable"),
    ("1", "too_short"),
    ("12", "too_short"),
    ("1234", "too_short"),
    ("555-3456", "too_short"),
    ("12345678", "too_short"),
    ("125553456", "too_short"),
    ("+1212555345", "too_short"),
    ("+123", "too_short"),
    ("+4412", "too_short"),
    ("22125553456", "too_long"),
    ("02125553456", "too_long"),
    ("+121255534567", "too_long"),
    ("447911123456", "too_long"),
    ("21255534566465553456", "too_long"),
    ("+4479111234567890", "too_long"),
    ("0125553456", "invalid_area_code"),
    ("1125553456", "invalid_area_code"),
    ("2121553456", "invalid_area_code"),
    ("2120553456", "invalid_area_code"),
    ("9115553456", "invalid_area_code"),
    ("2115553456", "invalid_area_code"),
    ("2129113456", "invalid_area_code"),
    ("2124113456", "invalid_area_code"),
    ("212-555-1212", "invalid_area_code"),
    ("5555550123", "invalid_area_code"),
    ("2225553456", "invalid_area_code"),
    ("2995553456", "invalid_area_code"),
    ("0000000000", "invalid_area_code"),
    ("800-555-3456", "not_textable"),
    ("+18885553456", "not_textable"),
    ("833 555 3456", "not_textable"),
    ("900-555-3456", "not_textable"),
    ("212-976-3456", "not_textable"),
    ("500-555-3456", "not_textable"),
    ("5335553456", "not_textable"),
    ("700-555-3456", "not_textable"),
    ("7105553456", "not_textable"),
    ("+15005550006", "not_textable"),
    ("416-555-3456", "country_not_allowed"),
    ("+18762345678", "country_not_allowed"),
    ("+44 7911 123456", "country_not_allowed"),
    ("+52 55 1234 5678", "country_not_allowed"),
    ("+9991234567", "country_not_allowed"),
    ("+0012125553456", "country_not_allowed"),
    ("011 44 7911 123456", "country_not_allowed"),
    ("011 1 212 555 3456", "country_not_allowed"),
    ("00447911123456", "country_not_allowed"),
    ("0012125553456", "country_not_allowed"),
    ("212-555-3456 / 646-555-3456", "two_numbers"),
    ("2125553456,6465553456", "two_numbers"),
    ("2125553456;6465553456", "two_numbers"),
    ("2125553456 6465553456", "two_numbers"),
    ("212-555-3456\n646-555-3456", "two_numbers"),
    ("212-555-3456 or 646-555-3456", "two_numbers"),
    ("212-555-3456 & 646-555-3456", "two_numbers"),
    ("home 212-555-3456 cell 646-555-3456", "two_numbers"),
    ("+12125553456+16465553456", "two_numbers"),
    ("212-555-3456/5678", "two_numbers"),
    ("555-3456 / 555-3457", "two_numbers"),
    ("212-555-3456 x 6465553456", "two_numbers"),
    ("+447911123456, +447911123457", "two_numbers"),
]


class TestParsePhoneNumber:
    @pytest.mark.parametrize("raw", SPELLINGS)
    def test_one_number_in_any_spelling(self, raw: str) -> None:
        assert parse_phone_number(raw) == PhoneNumber("+12125553456")

    @pytest.mark.parametrize("raw", EXTENSIONS)
    def test_an_extension_is_dropped_and_flagged(self, raw: str) -> None:
        assert parse_phone_number(raw) == PhoneNumber("+12125553456", extension_dropped=True)

    @pytest.mark.parametrize(("raw", "reason"), REJECTIONS)
    def test_refused_with_its_reason(self, raw: str, reason: str) -> None:
        assert parse_phone_number(raw) == NumberRejection(reason)

    @pytest.mark.parametrize("line", ["0100", "0123", "0199"])
    def test_fictional_numbers_are_valid(self, line: str) -> None:
        assert parse_phone_number(f"212555{line}") == PhoneNumber(f"+1212555{line}")

    @pytest.mark.parametrize("area_code", ["340", "670", "671", "684", "787", "939"])
    def test_the_united_states_include_the_territories(self, area_code: str) -> None:
        assert parse_phone_number(f"{area_code}5550123") == PhoneNumber(f"+1{area_code}5550123")

    def test_a_territory_alone_can_be_allowed(self) -> None:
        only_puerto_rico = frozenset({"PR"})
        assert parse_phone_number("7875550123", allowed_countries=only_puerto_rico) == PhoneNumber("+17875550123")
        refused = parse_phone_number("2125550123", allowed_countries=only_puerto_rico)
        assert refused is NumberRejection.COUNTRY_NOT_ALLOWED

    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            ("+447400123456", PhoneNumber("+447400123456")),
            ("+44 (0)7400 123456", PhoneNumber("+447400123456")),
            ("+441110000000", NumberRejection.INVALID_AREA_CODE),
            ("+442079460958", NumberRejection.NOT_TEXTABLE),
            ("416-555-3456", PhoneNumber("+14165553456")),
            ("+14165553456", PhoneNumber("+14165553456")),
            ("+18762345678", NumberRejection.COUNTRY_NOT_ALLOWED),
            ("011447911123456", NumberRejection.COUNTRY_NOT_ALLOWED),
            ("2225553456", NumberRejection.INVALID_AREA_CODE),
        ],
    )
    def test_other_countries_can_be_allowed(self, raw: str, expected: PhoneNumber | NumberRejection) -> None:
        assert parse_phone_number(raw, allowed_countries=frozenset({"US", "CA", "GB"})) == expected

    @pytest.mark.parametrize("raw", ["+15005550006", "500-555-0006"])
    def test_test_numbers_only_where_the_provider_is_simulated(self, raw: str) -> None:
        assert parse_phone_number(raw, allow_test_numbers=True) == PhoneNumber("+15005550006")
        assert parse_phone_number(raw) is NumberRejection.NOT_TEXTABLE

    def test_other_personal_numbers_stay_refused_there(self) -> None:
        assert parse_phone_number("+15005560006", allow_test_numbers=True) is NumberRejection.NOT_TEXTABLE

    @given(
        area_code=st.sampled_from(sorted(area_codes())),
        exchange=st.integers(200, 999).filter(lambda number: number % 100 != 11 and number != 976),
        line=st.integers(0, 9999),
        shape=st.sampled_from(["{}{}{}", "+1{}{}{}", "1-{}-{}-{}", "({}) {}-{}", "{}.{}.{}", "+1 {} {} {}"]),
    )
    def test_every_area_code_in_any_shape(self, area_code: str, exchange: int, line: int, shape: str) -> None:
        raw = shape.format(area_code, exchange, f"{line:04}")
        expected: PhoneNumber | NumberRejection = PhoneNumber(f"+1{area_code}{exchange}{line:04}")
        if (exchange, line) == (555, 1212):
            expected = NumberRejection.INVALID_AREA_CODE
        if raw.endswith(".0"):
            expected = NumberRejection.NOT_A_NUMBER
        assert parse_phone_number(raw) == expected

    @given(
        number=st.integers(200, 999)
        .map(lambda exchange: f"212{exchange}0147")
        .filter(lambda number: number[4:6] != "11"),
        extension=st.integers(1, 9_999_999).map(str),
        spelling=st.sampled_from([" x", " ext. ", ";ext=", " extn ", "#", " ~ ", ",,", " extension ", ", ext "]),
    )
    def test_extensions_are_read_as_the_phonenumbers_package_reads_them(
        self, number: str, extension: str, spelling: str
    ) -> None:
        theirs = phonenumbers.parse(number + spelling + extension, "US")
        assert theirs.extension == extension
        ours = parse_phone_number(number + spelling + extension)
        if ours is not NumberRejection.NOT_TEXTABLE:  # the exchange 976, which that package knows nothing of
            assert ours == PhoneNumber(f"+1{theirs.national_number}", extension_dropped=True)

    @given(
        st.lists(
            st.sampled_from(
                [
                    *"2125553456",
                    *"0189",
                    *"²⑥₆½①٣２",
                    *" -.()[]{}/,;x#+",
                    "(2)",
                    "[1]",
                    " ext ",
                    "（",
                    "）",
                    "\u200b",
                    "️⃣",
                ]
            ),
            min_size=8,
            max_size=24,
        ).map("".join)
        | st.from_regex(r"[(\[（]?212[)\]）]? ?555[-. ]?34[0-9²⑥(\[]?[0-9²⑥)\]]?[0-9²⑥\]]?", fullmatch=True)
    )
    @settings(max_examples=1000)
    def test_a_number_is_its_decimal_digits_and_nothing_else(self, raw: str) -> None:
        """What counts as digits in the cell begins with the number, and no other digit is near."""
        parsed = parse_phone_number(raw)
        if not isinstance(parsed, PhoneNumber):
            return
        digits = "".join(str(unicodedata.decimal(sign)) for sign in raw if unicodedata.category(sign) == "Nd")
        assert not any(unicodedata.category(sign) == "No" for sign in raw)
        written = digits.removeprefix("1") if len(digits) > 10 else digits
        assert written.startswith(parsed.e164[2:])
        assert parsed.extension_dropped or written == parsed.e164[2:]

    @given(st.text(max_size=40) | st.text("0123456789+-() .,/;xE\n", max_size=30))
    def test_any_text_gets_an_answer_that_reads_back(self, raw: str) -> None:
        parsed = parse_phone_number(raw)
        if isinstance(parsed, PhoneNumber):
            assert is_e164(parsed.e164)
            assert parse_phone_number(parsed.e164) == PhoneNumber(parsed.e164)

    @pytest.mark.parametrize("mark", [" ", ",", ".", "x", "1 ", "(", "/", "2-"])
    def test_a_hostile_cell_is_answered_at_once(self, mark: str) -> None:
        assert isinstance(parse_phone_number(mark * 10_000), NumberRejection)


class TestIsE164:
    @pytest.mark.parametrize("text", ["+12125553456", "+447911123456", "+6831234"])
    def test_true(self, text: str) -> None:
        assert is_e164(text)

    @pytest.mark.parametrize(
        "text",
        ["", "12125553456", "+02125553456", "+1 2125553456", "+1234567890123456", "+12125553456\n", "+１2125553456"],
    )
    def test_false(self, text: str) -> None:
        assert not is_e164(text)
