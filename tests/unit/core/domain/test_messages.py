from datetime import UTC, datetime, timedelta
from itertools import permutations, product

import pytest

from services.core.domain.messages import (
    FINAL,
    TRANSITIONS,
    MessageStatus,
    Receipt,
    TransitionRefused,
    after_receipt,
    check_transition,
)

S = MessageStatus
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def converge(receipts: tuple[tuple[Receipt, int], ...]) -> MessageStatus:
    """The state of a sent message after receipts, each with its minute."""
    status, receipt_at = S.SENT, None
    for receipt, minute in receipts:
        occurred_at = NOON + timedelta(minutes=minute)
        after = after_receipt(status, receipt, occurred_at=occurred_at, receipt_at=receipt_at)
        if after is not None:
            status, receipt_at = after, occurred_at
    return status


class TestTransitions:
    @pytest.mark.parametrize(("before", "after"), list(product(S, S)), ids=str)
    def test_only_what_the_table_has(self, before: MessageStatus, after: MessageStatus) -> None:
        if after in TRANSITIONS[before]:
            check_transition(before, after)
        else:
            with pytest.raises(TransitionRefused, match=f"a {before} message cannot become {after}"):
                check_transition(before, after)

    def test_nothing_that_may_have_left_goes_back_without_proof_or_a_person(self) -> None:
        assert {status for status in S if S.PENDING in TRANSITIONS[status]} == {S.SENDING, S.UNCERTAIN, S.HELD}

    def test_nothing_is_submitted_but_from_pending(self) -> None:
        assert {status for status in S if S.SENDING in TRANSITIONS[status]} == {S.PENDING}

    def test_a_final_message_is_never_sent_again(self) -> None:
        assert all(not TRANSITIONS[status] & {S.PENDING, S.SENDING, S.UNCERTAIN, S.HELD} for status in FINAL)


class TestAfterReceipt:
    @pytest.mark.parametrize(
        ("receipts", "expected"),
        [
            ([("delivered", 1)], S.DELIVERED),
            ([("sent", 1), ("undelivered", 2)], S.UNDELIVERED),
            ([("failed", 1), ("undelivered", 2)], S.UNDELIVERED),
            ([("failed", 2), ("undelivered", 1)], S.FAILED),
            ([("failed", 1), ("undelivered", 1)], S.UNDELIVERED),
            ([("failed", 1), ("undelivered", 2), ("delivered", 0)], S.DELIVERED),
            ([("failed", 1), ("failed", 9), ("undelivered", 5)], S.FAILED),
            ([("sent", 10), ("failed", 5), ("undelivered", 7)], S.UNDELIVERED),
        ],
    )
    def test_every_order_with_every_repeat_ends_in_one_state(
        self, receipts: list[tuple[str, int]], expected: MessageStatus
    ) -> None:
        said = [(Receipt(name), minute) for name, minute in receipts]
        thrice = said if len(said) > 2 else said * 3
        orders = set(permutations(thrice))
        assert {converge(order) for order in orders} == {expected}
        assert {converge(order * 3) for order in orders} == {expected}

    @pytest.mark.parametrize("status", [S.SKIPPED, S.RECEIVED])
    @pytest.mark.parametrize("receipt", Receipt)
    def test_it_has_no_say_about_what_was_never_sent(self, status: MessageStatus, receipt: Receipt) -> None:
        assert after_receipt(status, receipt, occurred_at=NOON, receipt_at=None) is None
