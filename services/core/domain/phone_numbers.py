"""Reading phone numbers as people type them, into E.164 or into the reason why not.

The rules and the names of the reasons are those of contract section 6b. Area codes come from our own table; the
`phonenumbers` package decides about every other country.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers

from services.core.domain.zones import TERRITORIES, area_codes

TOLL_FREE = frozenset({"800", "822", "833", "844", "855", "866", "877"} | {str(code) for code in range(880, 890)})
PREMIUM = frozenset({"900"})
# Follow-me numbers, machines, carriers' and the government's own services: nobody reads texts there.
# fmt: off
PERSONAL = frozenset({
    "456", "500", "521", "522", "523", "524", "525", "526", "527", "528", "529", "532", "533",
    "535", "538", "542", "543", "544", "545", "546", "547", "549", "550", "552", "553", "554",
    "556", "566", "569", "577", "578", "588", "589", "600", "700", "710",
})
# fmt: on
KNOWN_COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS)
NOT_TEXTABLE_AREA_CODES = TOLL_FREE | PREMIUM | PERSONAL
PREMIUM_EXCHANGE = "976"
DIRECTORY_ASSISTANCE = "5551212"
TEST_NUMBERS = "500555"
SHORT_CODE_LENGTHS = frozenset({3, 5, 6})
E164_LENGTHS = range(7, 16)
LONGEST_CELL = 200
QUOTES_THAT_OPEN = frozenset("‚„")
TEXTABLE_TYPES = frozenset({phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE})

_BRACKETS = str.maketrans("[{<]}>", "((()))")

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_USUAL = re.compile(r"(?:\+?1[ .-]?)?\(?([2-9][0-9]{2})\)?[ .-]?([0-9]{3})[ .-]?([0-9]{4})")
_SCIENTIFIC = re.compile(r"[+-]?\d+([.,]\d*)?\s?E\s?[+-]?\d+", re.IGNORECASE)
_DECIMAL = re.compile(r"[+-]?\d{7,}\.\d+|.*\.0", re.DOTALL)
# As people write an extension: a word or sign for it, or the pauses that a telephone dials (commas, semicolons, p, w).
# One pause and four digits or more would rather be another number.
_EXTENSION = re.compile(
    r"[ ,;.\-]*\(? ?(?:"
    r"(?:\bextension|\bextensi[oó]n|\bextn|ext|\bxtn|\banexo|\bramal|\bposte|\bint|[x×х#~])[ .:=\-#]*\d{1,7}"
    r"|(?:[,;pw] ?){2,9}\d{1,7}|[,;pw] ?\d{1,3}"
    r") ?\)?$",
    re.IGNORECASE,
)
_BRACKETED = re.compile(r"\(([^()]*)(\)|$)")
_DOMESTIC_NUMBER = re.compile(r"(?<!\d)(?:\+?1[ .\-/]*)?\(?[2-9]\d{2}\)?[ .\-/]*\d{3}[ .\-/]*\d{4}(?!\d)")
_SEPARATOR = re.compile(r"[,;/|&]|\b(?:or|and|o|y|ou)\b|(?<=\d) ?(?=\+)", re.IGNORECASE)
_SHAPE = re.compile(r"\(? ?\+? ?\(? ?\d[\d ().\-/]*")


class NumberRejection(StrEnum):
    MISSING = "missing"
    NOT_A_NUMBER = "not_a_number"
    SCIENTIFIC_NOTATION = "scientific_notation"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    INVALID_AREA_CODE = "invalid_area_code"
    COUNTRY_NOT_ALLOWED = "country_not_allowed"
    NOT_TEXTABLE = "not_textable"
    TWO_NUMBERS = "two_numbers"


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A number that may be texted, in E.164."""

    e164: str
    extension_dropped: bool = False


def parse_phone_number(
    raw: str, *, allowed_countries: frozenset[str] = frozenset({"US"}), allow_test_numbers: bool = False
) -> PhoneNumber | NumberRejection:
    """The number written in `raw`, or why it is refused.

    `allowed_countries` are ISO codes; "US" admits the territories (PR, VI, GU, AS, MP) too. `allow_test_numbers` admits
    +1500555xxxx, which only a simulated provider knows. An extension is dropped and the answer says so.
    """
    usual = _USUAL.fullmatch(raw)
    if usual:
        national = "".join(usual.groups())
        return _north_american(national, allowed_countries=allowed_countries, allow_test_numbers=allow_test_numbers)
    text = _cleaned(raw)
    if not text:
        return NumberRejection.MISSING
    if len(text) > LONGEST_CELL or _has_other_digits(raw):
        return NumberRejection.NOT_A_NUMBER
    if _SCIENTIFIC.fullmatch(text):
        return NumberRejection.SCIENTIFIC_NOTATION
    if _DECIMAL.fullmatch(text):
        return NumberRejection.NOT_A_NUMBER
    number, extension_dropped = _without_extension(_without_scheme(text))
    if _holds_two_numbers(number):
        return NumberRejection.TWO_NUMBERS
    if not _SHAPE.fullmatch(number) or not _are_brackets_around_codes(number):
        return NumberRejection.NOT_A_NUMBER
    parsed = _dialled(number, allowed_countries=allowed_countries, allow_test_numbers=allow_test_numbers)
    if isinstance(parsed, PhoneNumber) and extension_dropped:
        return PhoneNumber(parsed.e164, extension_dropped=True)
    return parsed


def is_e164(text: str) -> bool:
    return _E164.fullmatch(text) is not None


def _cleaned(raw: str) -> str:
    """One line of ASCII digits and marks; copied numbers bring other scripts' digits, dashes and invisible marks."""
    if not raw.isascii():
        raw = "".join(map(_plain, unicodedata.normalize("NFKC", raw)))
    return " ".join(raw.translate(_BRACKETS).split()).removeprefix("'").strip()


def _has_other_digits(raw: str) -> bool:
    """Whether there is a superscript, a circled digit or the like: a footnote's mark would make another number."""
    return not raw.isascii() and any(
        not character.isdecimal() and any(map(str.isdigit, unicodedata.normalize("NFKC", character)))
        for character in raw
    )


def _plain(character: str) -> str:
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    category = unicodedata.category(character)
    if category == "Pd" or character == "−":
        return "-"
    if category == "Ps" and character not in QUOTES_THAT_OPEN:
        return "("
    if category == "Pe":
        return ")"
    return "" if category == "Cf" else character


def _without_scheme(text: str) -> str:
    if text[:4].lower() != "tel:":
        return text
    return re.sub(r";phone-context=\+1$", "", text[4:].strip(), flags=re.IGNORECASE)


def _without_extension(text: str) -> tuple[str, bool]:
    match = _EXTENSION.search(text)
    return (text[: match.start()], True) if match else (text, False)


def _are_brackets_around_codes(text: str) -> bool:
    """Whether brackets hold the whole number, a country's or an area's code; elsewhere they hold a note, as `(2)`."""
    for group in _BRACKETED.finditer(text):
        before, inside, after = (
            "".join(filter(str.isdigit, part)) for part in (text[: group.start()], group[1], text[group.end() :])
        )
        is_whole = not before and not after
        is_code = "+" in text or len(inside) == 3 or inside == "1" or (len(inside) == 4 and inside[0] == "1")
        if not is_whole and not (is_code and after and len(before) <= 3):
            return False
    unopened = _BRACKETED.sub(lambda group: re.sub(r"\D", "", group[1]), text).partition(")")
    return not unopened[1] or not any(map(str.isdigit, unopened[2])) or sum(map(str.isdigit, unopened[0])) <= 4


def _holds_two_numbers(text: str) -> bool:
    if len(_DOMESTIC_NUMBER.findall(text)) > 1:
        return True
    lengths = sorted(sum(map(str.isdigit, part)) for part in _SEPARATOR.split(text))
    return len(lengths) > 1 and (lengths[-2] >= 7 or (lengths[-1] >= 10 and lengths[-2] >= 4))


def _dialled(
    text: str, *, allowed_countries: frozenset[str], allow_test_numbers: bool
) -> PhoneNumber | NumberRejection:
    digits = "".join(filter(str.isdigit, text))
    if "+" in text and not digits.startswith("1"):
        return _foreign(digits, allowed_countries=allowed_countries)
    if "+" not in text and len(digits) in SHORT_CODE_LENGTHS:
        return NumberRejection.NOT_TEXTABLE
    if "+" not in text and len(digits) > 10 and digits.startswith(("011", "00")):
        return NumberRejection.COUNTRY_NOT_ALLOWED
    national = digits[1:] if "+" in text or (len(digits) == 11 and digits[0] == "1") else digits
    if len(national) != 10:
        return NumberRejection.TOO_SHORT if len(national) < 10 else NumberRejection.TOO_LONG
    return _north_american(national, allowed_countries=allowed_countries, allow_test_numbers=allow_test_numbers)


def _north_american(
    national: str, *, allowed_countries: frozenset[str], allow_test_numbers: bool
) -> PhoneNumber | NumberRejection:
    area_code, exchange = national[:3], national[3:6]
    if allow_test_numbers and national.startswith(TEST_NUMBERS):
        return PhoneNumber(f"+1{national}")
    if area_code in NOT_TEXTABLE_AREA_CODES:
        return NumberRejection.NOT_TEXTABLE
    if any(code[0] in "01" or code[1:] == "11" for code in (area_code, exchange)):
        return NumberRejection.INVALID_AREA_CODE
    if national[3:] == DIRECTORY_ASSISTANCE:
        return NumberRejection.INVALID_AREA_CODE
    known = area_codes().get(area_code)
    if known is None:
        return _foreign(f"1{national}", allowed_countries=allowed_countries)
    if "US" not in allowed_countries and not known.states & TERRITORIES & allowed_countries:
        return NumberRejection.COUNTRY_NOT_ALLOWED
    return NumberRejection.NOT_TEXTABLE if exchange == PREMIUM_EXCHANGE else PhoneNumber(f"+1{national}")


def _foreign(digits: str, *, allowed_countries: frozenset[str]) -> PhoneNumber | NumberRejection:
    """A number outside our own table: another country's, or nobody's."""
    if len(digits) not in E164_LENGTHS:
        return NumberRejection.TOO_SHORT if len(digits) < E164_LENGTHS.start else NumberRejection.TOO_LONG
    try:
        number = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        return NumberRejection.COUNTRY_NOT_ALLOWED
    country = phonenumbers.region_code_for_number(number)
    if country is None:
        country_code = number.country_code or 0
        served = set(phonenumbers.region_codes_for_country_code(country_code))
        possible = country_code == 1 or served & allowed_countries
        return NumberRejection.INVALID_AREA_CODE if possible else NumberRejection.COUNTRY_NOT_ALLOWED
    if country not in allowed_countries:
        return NumberRejection.COUNTRY_NOT_ALLOWED
    if phonenumbers.number_type(number) not in TEXTABLE_TYPES:
        return NumberRejection.NOT_TEXTABLE
    return PhoneNumber(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
