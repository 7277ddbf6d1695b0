"""The day in one sentence."""

import pytest

from services.core.domain.today import FirstStep, counted, sentence


class TestSentence:
    @pytest.mark.parametrize(
        ("facts", "said"),
        [
            ({"left": 12, "next_at": "14:30"}, "12 texts left today, the next at 14:30; nothing is wrong."),
            ({"left": 1}, "1 text left today; nothing is wrong."),
            ({"left": 0, "next_at": "14:30"}, "No texts left for today; nothing is wrong."),
            ({"first_step": FirstStep.IMPORT}, "Nobody to text yet; nothing is wrong."),
            ({"first_step": FirstStep.CAMPAIGN, "to_do": 1}, "No campaign yet; 1 thing needs a person."),
            (
                {"left": 1200, "next_at": "14:30", "is_stopped": True, "to_do": 2},
                "1,200 texts left today, and sending is stopped; 2 things need a person.",
            ),
            (
                {"left": 3, "unwell": 1, "to_do": 1},
                "3 texts left today; 1 part is not well and 1 thing needs a person.",
            ),
        ],
    )
    def test_says_what_is_left_and_what_is_wrong(self, facts: dict[str, object], said: str) -> None:
        quiet = {"left": 0, "next_at": None, "first_step": None, "is_stopped": False, "to_do": 0, "unwell": 0}
        assert sentence(**quiet | facts) == said  # type: ignore[arg-type]


class TestCounted:
    def test_one_is_not_many(self) -> None:
        assert [counted(count, "text") for count in (0, 1, 2)] == ["0 texts", "1 text", "2 texts"]
