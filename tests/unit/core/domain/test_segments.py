import unicodedata
from decimal import Decimal

import pytest
import smsutil
from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.domain.segments import (
    PRICE_PER_SEGMENT_USD,
    Encoding,
    count_segments,
    normalise_text,
    utf16_length,
)

GSM_WITHOUT_MARKS = "@£$¥Øø_ΔΦΓΛΩΠΨΣΘΞÆæß¤¡§¿\n !\"#%&'()*+,-./0123456789:;<=>?aZ"
GSM_EXTENDED = "\f^{}\\[~]|€"


class TestNormaliseText:
    @pytest.mark.parametrize(
        ("text", "normalised"),
        [
            ("a\r\nb\rc\nd", "a\nb\nc\nd"),
            ("\r\r\n\n", "\n\n\n"),
            ("e\u0301", "\u00e9"),
            ("\u2126", "\u03a9"),
            ("\u037e", ";"),
            ("", ""),
        ],
    )
    def test_text_becomes_nfc_with_line_feeds(self, text: str, normalised: str) -> None:
        assert normalise_text(text) == normalised

    @given(st.text())
    @settings(max_examples=150)
    def test_normalising_twice_changes_nothing(self, text: str) -> None:
        once = normalise_text(text)
        assert normalise_text(once) == once
        assert "\r" not in once


class TestUtf16Length:
    @given(st.text())
    @settings(max_examples=150)
    def test_it_is_the_length_of_the_encoding(self, text: str) -> None:
        assert utf16_length(text) == len(text.encode("utf-16-le")) // 2


class TestCountSegments:
    @pytest.mark.parametrize(
        ("text", "segments", "encoding", "units"),
        [
            ("", 0, Encoding.GSM_7, 0),
            ("a", 1, Encoding.GSM_7, 1),
            ("a" * 160, 1, Encoding.GSM_7, 160),
            ("a" * 161, 2, Encoding.GSM_7, 161),
            ("a" * 306, 2, Encoding.GSM_7, 306),
            ("a" * 307, 3, Encoding.GSM_7, 307),
            ("€" * 80, 1, Encoding.GSM_7, 160),
            ("€" * 81, 2, Encoding.GSM_7, 162),
            # 153 is odd: each part loses a septet rather than split an escape, so 306 septets need a third part.
            ("€" * 152, 2, Encoding.GSM_7, 304),
            ("€" * 153, 3, Encoding.GSM_7, 306),
            ("a" * 152 + "€" + "a" * 152, 3, Encoding.GSM_7, 306),
            ("я" * 70, 1, Encoding.UCS_2, 70),
            ("я" * 71, 2, Encoding.UCS_2, 71),
            ("я" * 134, 2, Encoding.UCS_2, 134),
            ("я" * 135, 3, Encoding.UCS_2, 135),
            ("😀" * 35, 1, Encoding.UCS_2, 70),
            ("😀" * 36, 2, Encoding.UCS_2, 72),
            ("😀" * 66, 2, Encoding.UCS_2, 132),
            ("😀" * 67, 3, Encoding.UCS_2, 134),
            ("я" * 66 + "😀" + "я" * 66, 3, Encoding.UCS_2, 134),
            ("a\r\n" * 80, 1, Encoding.GSM_7, 160),
            ("e\u0301" * 70, 1, Encoding.UCS_2, 70),
            (GSM_WITHOUT_MARKS, 1, Encoding.GSM_7, len(GSM_WITHOUT_MARKS)),
            (GSM_EXTENDED, 1, Encoding.GSM_7, 2 * len(GSM_EXTENDED)),
        ],
    )
    def test_parts(self, text: str, segments: int, encoding: Encoding, units: int) -> None:
        count = count_segments(text)
        assert (count.segments, count.encoding, count.units) == (segments, encoding, units)

    @pytest.mark.parametrize("letter", [*"éñÅÇèùìòåÉÄÖÑÜäöüà", "\x1b", "`", "’", "–", "\u00a0", "\t", "\u200b", "😀"])
    def test_the_letter_that_forces_ucs_2_is_named(self, letter: str) -> None:
        assert count_segments(f"ab{letter}я").forced_by == letter

    def test_plain_text_is_forced_by_nothing(self) -> None:
        assert count_segments("Hi Ann").forced_by is None

    def test_a_segment_costs_a_cent(self) -> None:
        assert count_segments("a" * 161).segments * PRICE_PER_SEGMENT_USD == Decimal("0.02")

    @given(
        st.one_of(
            st.text(alphabet=GSM_WITHOUT_MARKS + GSM_EXTENDED, max_size=700),
            st.text(max_size=300),
            st.builds("".join, st.lists(st.sampled_from("a€я😀\U0010ffff"), max_size=400)),
        )
    )
    @settings(max_examples=200)
    def test_it_agrees_with_smsutil_where_the_rules_are_the_same(self, text: str) -> None:
        """Not the same: letters with marks and ESC (GSM-7 there), an empty text (one part there), CR and decomposed
        letters (not normalised there)."""
        text = normalise_text(text)
        differs = {letter for letter in text if unicodedata.normalize("NFD", letter) != letter} | ({"\x1b"} & {*text})
        if differs or not text:
            return
        oracle = smsutil.split(text)
        count = count_segments(text)
        assert count.segments == len(oracle.parts)
        assert count.encoding == (Encoding.GSM_7 if oracle.encoding == "gsm0338" else Encoding.UCS_2)
        assert count.units == oracle.total_bytes // (1 if count.encoding is Encoding.GSM_7 else 2)
