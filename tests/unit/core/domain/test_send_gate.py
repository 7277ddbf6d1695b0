from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.messages import MessageKind
from services.core.domain.send_gate import Defer, Gate, GateDecision, GateFacts, Pass, Skip, decide
from services.core.domain.sending_window import DEFAULT_WINDOW
from services.core.domain.zones import locate

OPEN = datetime(2026, 12, 1, 18, tzinfo=UTC)  # Tuesday, 13:00 in New York
EVENING = datetime(2026, 12, 1, 23, tzinfo=UTC)  # 18:00: the business is closed, the law allows it
NIGHT = datetime(2026, 12, 2, 4, tzinfo=UTC)
MIDNIGHT = datetime(2026, 12, 2, 5, tzinfo=UTC)
FACTS = GateFacts(
    kind=MessageKind.MARKETING,
    database="life/run",
    database_rewound=False,
    sending_stopped=False,
    breaker_open_until=None,
    campaign_status=CampaignStatus.RUNNING,
    campaign_ends_at=None,
    opted_out=False,
    suppressed=None,
    paused=False,
    location=locate(e164="+12125550123", state="NY", timezone=None),
    window=DEFAULT_WINDOW,
    marketing_last_at=None,
    contact_frequency=timedelta(days=30),
    number_used=0,
    number_cap=125,
    account_used=0,
    account_cap=1000,
    cap_resets_at=MIDNIGHT,
    in_flight_to_number=False,
)
NO: list[tuple[dict[str, Any], GateDecision]] = [
    ({"campaign_status": CampaignStatus.CANCELLED}, Skip(Gate.SWITCHES, "campaign_cancelled")),
    ({"campaign_ends_at": OPEN}, Skip(Gate.SWITCHES, "campaign_ended")),
    ({"database_rewound": True}, Defer(Gate.SWITCHES, "database_rewound", None)),
    ({"sending_stopped": True}, Defer(Gate.SWITCHES, "sending_stopped", None)),
    ({"campaign_status": CampaignStatus.PAUSED}, Defer(Gate.SWITCHES, "campaign_paused", None)),
    (
        {"breaker_open_until": OPEN + timedelta(minutes=1)},
        Defer(Gate.SWITCHES, "provider_refuses_account", OPEN + timedelta(minutes=1)),
    ),
    ({"opted_out": True}, Skip(Gate.PERSON, "opted_out")),
    ({"suppressed": "wrong_number"}, Skip(Gate.PERSON, "wrong_number")),
    ({"paused": True}, Defer(Gate.PERSON, "contact_paused_for_review", None)),
    ({"in_flight_to_number": True}, Defer(Gate.FREQUENCY, "another_text_in_flight", OPEN + timedelta(seconds=30))),
    (
        {"marketing_last_at": OPEN - timedelta(days=29)},
        Defer(Gate.FREQUENCY, "contact_frequency", OPEN + timedelta(days=1)),
    ),
    ({"number_used": 125}, Defer(Gate.CAPS, "number_daily_cap", MIDNIGHT)),
    ({"account_used": 1000}, Defer(Gate.CAPS, "account_daily_cap", MIDNIGHT)),
]
OF_MARKETING_ALONE = {"marketing_last_at", "number_used"}


class TestDecide:
    def test_passes_when_nothing_is_closed(self) -> None:
        assert decide(FACTS, OPEN) == Pass()

    @pytest.mark.parametrize(("closed", "expected"), NO, ids=[decision.reason for _, decision in NO])
    def test_each_gate_closes(self, closed: dict[str, Any], expected: GateDecision) -> None:
        assert decide(replace(FACTS, **closed), OPEN) == expected

    @pytest.mark.parametrize(("closed", "expected"), NO, ids=[decision.reason for _, decision in NO])
    def test_a_transactional_text_is_spared_the_marketing_gates_alone(
        self, closed: dict[str, Any], expected: GateDecision
    ) -> None:
        wanted = Pass() if OF_MARKETING_ALONE & closed.keys() else expected
        assert decide(replace(FACTS, kind=MessageKind.TRANSACTIONAL, **closed), OPEN) == wanted

    @pytest.mark.parametrize("position", range(len(NO) - 1))
    def test_the_first_closed_gate_answers(self, position: int) -> None:
        closed, expected = NO[position]
        behind: dict[str, Any] = {}
        for later, _ in NO[position + 1 :]:
            behind |= {name: value for name, value in later.items() if name not in closed}
        assert decide(replace(FACTS, **(behind | closed)), OPEN) == expected

    @pytest.mark.parametrize(
        ("at", "kind", "is_open"),
        [
            (OPEN, MessageKind.MARKETING, True),
            (EVENING, MessageKind.MARKETING, False),
            (EVENING, MessageKind.TRANSACTIONAL, True),
            (NIGHT, MessageKind.MARKETING, False),
            (NIGHT, MessageKind.TRANSACTIONAL, False),
        ],
    )
    def test_only_marketing_keeps_business_hours_and_all_keep_the_law_s(
        self, at: datetime, kind: MessageKind, is_open: bool
    ) -> None:
        decision = decide(replace(FACTS, kind=kind), at)
        assert isinstance(decision, Pass) is is_open
        if not is_open:
            assert isinstance(decision, Defer)
            assert decision.gate == "G3"
            assert decision.until is not None
            assert decision.until > at

    def test_no_common_hour_is_never(self) -> None:
        guam = locate(e164="+16715550123", state="GU", timezone=None)
        assert decide(replace(FACTS, location=guam), OPEN) == Skip(Gate.HOURS, "no_common_hours")
