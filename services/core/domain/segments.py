"""SMS segments: what a text costs before it is sent."""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final


class Encoding(StrEnum):
    GSM_7 = "gsm_7"
    UCS_2 = "ucs_2"


# 3GPP TS 23.038, section 6.2.1, without ESC (it is no letter) and without CR (stored texts have LF alone).
# Letters that NFD splits (é, ñ, Å ...) are in that table too, but the provider bills a text with é or ñ as
# UCS-2 ("Send a text message", segments), so they are left out: the price may then be too high, never too low.
_BASIC: Final = (
    "@£$¥Øø_ΔΦΓΛΩΠΨΣΘΞÆæß¤¡§¿\n !\"#%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
# The extension table: an escape and a letter, two septets that stay together.
_EXTENDED: Final = "\f^{}[~]\\|€"

_FORCES_UCS_2: Final = re.compile(f"[^{re.escape(_BASIC + _EXTENDED)}]")
# What takes two units: an escape pair in GSM-7, a surrogate pair in UCS-2.
_WIDE: Final = {
    Encoding.GSM_7: re.compile(f"[{re.escape(_EXTENDED)}]"),
    Encoding.UCS_2: re.compile("[\U00010000-\U0010ffff]"),
}

# 140 octets a part; the header that joins the parts takes seven septets, or three UCS-2 units.
_SINGLE: Final = {Encoding.GSM_7: 160, Encoding.UCS_2: 70}
_JOINED: Final = {Encoding.GSM_7: 153, Encoding.UCS_2: 67}

# The provider's page "API Pricing": $0.01 for each outgoing segment to the United States and Canada.
PRICE_PER_SEGMENT_USD: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class SegmentCount:
    """The billed parts of a text; `units` are septets or UTF-16 units, escapes included."""

    segments: int
    encoding: Encoding
    units: int
    forced_by: str | None  # the first character that forces UCS-2


def normalise_text(text: str) -> str:
    """Return the text as it is stored and sent: NFC, lines ending in LF."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def utf16_length(text: str) -> int:
    """Count UTF-16 units, the unit of the provider's 1,600: most emoji are two."""
    return len(text) if text.isascii() else _count_units(text, Encoding.UCS_2)


def count_segments(text: str) -> SegmentCount:
    """Count the segments of a text as the provider bills them; an empty text has none."""
    normalised = normalise_text(text)
    forcing = _FORCES_UCS_2.search(normalised)
    encoding = Encoding.UCS_2 if forcing else Encoding.GSM_7
    units = _count_units(normalised, encoding)
    segments = min(units, 1) if units <= _SINGLE[encoding] else _count_parts(normalised, encoding)
    return SegmentCount(segments, encoding, units, forced_by=forcing and forcing[0])


def _count_units(text: str, encoding: Encoding) -> int:
    return len(text) + len(_WIDE[encoding].findall(text))


def _count_parts(text: str, encoding: Encoding) -> int:
    """No part splits an escape or a surrogate pair: what doesn't fit begins the next part."""
    parts, used = 1, 0
    for letter in text:
        width = 2 if _WIDE[encoding].match(letter) else 1
        if used + width > _JOINED[encoding]:
            parts, used = parts + 1, 0
        used += width
    return parts
