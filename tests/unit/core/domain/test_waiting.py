from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.waiting import Place, Wait, waits
from tests.unit.core.domain.test_send_gate import EVENING, FACTS, MIDNIGHT, OPEN

TOMORROW = OPEN + timedelta(days=1)
DUE = Place(not_before=OPEN, ahead=0, expected_at=None, with_workers=False)
LATER = Place(not_before=TOMORROW, ahead=0, expected_at=None, with_workers=False)
UNQUEUED = Place(not_before=None, ahead=7, expected_at=TOMORROW, with_workers=False)
BATCH = Wait("batch: no day's batch has it yet, 7 of its campaign are before it", TOMORROW)
INSTANT = Wait("instant: it is not to be sent before", TOMORROW)
PAUSED = Wait("G1: campaign_paused", None)


class TestWaits:
    @pytest.mark.parametrize(
        ("place", "known", "at", "expected"),
        [
            (DUE, {}, OPEN, [Wait("queue: it is published next", None)]),
            (replace(DUE, with_workers=True), {}, OPEN, [Wait("queue: a worker takes it next", None)]),
            (UNQUEUED, {}, OPEN, [BATCH]),
            (LATER, {}, OPEN, [INSTANT]),
            (DUE, {"campaign_status": CampaignStatus.PAUSED}, OPEN, [PAUSED]),
            (UNQUEUED, {"campaign_status": CampaignStatus.PAUSED}, OPEN, [PAUSED, BATCH]),
            (DUE, {"sending_stopped": True}, OPEN, [Wait("G1: sending_stopped", None)]),
            (DUE, {"paused": True}, OPEN, [Wait("G2: contact_paused_for_review", None)]),
            (DUE, {"opted_out": True}, OPEN, [Wait("G2: opted_out, so that it will be skipped", None)]),
            (DUE, {}, EVENING, [Wait("G3: business_window_closed", OPEN.replace(day=2, hour=14))]),
            (DUE, {"number_used": 125}, OPEN, [Wait("G5: number_daily_cap", MIDNIGHT)]),
            (LATER, {"number_used": 125}, OPEN, [INSTANT]),
            (LATER, {"in_flight_to_number": True}, OPEN, [INSTANT]),
            (
                UNQUEUED,
                {"marketing_last_at": OPEN - timedelta(days=20)},
                OPEN,
                [BATCH, Wait("G4: contact_frequency", OPEN + timedelta(days=10))],
            ),
            (UNQUEUED, {"marketing_last_at": OPEN - timedelta(days=29, hours=1)}, OPEN, [BATCH]),
        ],
    )
    def test_everything_known_in_order(
        self, place: Place, known: dict[str, Any], at: datetime, expected: list[Wait]
    ) -> None:
        assert list(waits(replace(FACTS, **known), place, at)) == expected
