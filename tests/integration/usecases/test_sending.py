"""From a due message to its outcome, against a real provider process: every way a send can end."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from services.core.domain.messages import MessageKind, MessageStatus
from services.core.openphone.outcomes import Accepted, NotStarted, RefusalReason, RefusalScope, Refused
from services.core.runtime.durations import Durations
from services.core.storage import outbox
from services.core.storage.outbox import life
from services.core.usecases.campaigns.cancel import cancel_campaign
from services.core.usecases.campaigns.pause import pause_campaign
from services.core.usecases.messages.dispatch import Dispatcher
from services.core.usecases.messages.record_outcome import record_outcome
from services.core.usecases.messages.send import send_messages
from services.core.usecases.operations.health import check_health
from services.core.usecases.operations.sending import sending_state, stop_sending
from services.core.usecases.operations.sweep import sweep
from tests.conftest import ValkeyProcess
from tests.tools.waiting import until_answered
from tests.tools.world import World, new_number

IMPATIENT = Durations(http_deadline=timedelta(seconds=3), batch_budget=timedelta(seconds=5))
"""For an answer that never comes. All other outcomes leave a busy machine its time: a late start is none of theirs."""


def begin(world: World, message_id: int) -> int:
    """Bring a message to `sending` as a worker that then dies does; its fence."""
    with world.context.database.transaction() as session:
        (claim,) = outbox.claim(session, [message_id], lease=timedelta(minutes=1))
        message = outbox.lock_leased(session, claim)
        assert message is not None
        at = message.not_before or message.created_at
        life.begin(session, message, at=at, lease=timedelta(minutes=1), next_look_at=at)
        return claim.fence


class TestOutcomes:
    def test_dispatched_sent_and_delivered(self, world: World) -> None:
        campaign_id = world.campaign(people=3)
        assert Dispatcher(world.beat).dispatch() == 3
        rows = world.rows_of(campaign_id)

        assert world.send(*(row.id for row in rows)) == 3
        for row in rows:
            world.receive(world.receipt_for("delivered", row.id))

        assert {row.status for row in world.rows_of(campaign_id)} == {MessageStatus.DELIVERED}
        assert sorted(str(line["to"]) for line in world.texts()) == sorted(row.e164 for row in rows)
        assert sweep(world.beat).finished == 1

    @pytest.mark.parametrize(
        ("fault", "status", "reason", "counted", "texts"),
        [
            ({"kind": "refusal", "refusal": "invalid_number"}, "failed", "invalid_recipient", 0, 0),
            ({"kind": "refusal", "refusal": "unreachable"}, "failed", "unreachable_recipient", 0, 0),
            ({"kind": "refusal", "refusal": "opted_out"}, "failed", "opted_out", 0, 0),
            ({"kind": "refusal", "refusal": "international_not_allowed"}, "failed", "international_not_allowed", 0, 0),
            ({"kind": "refusal", "refusal": "not_found"}, "failed", "not_found", 0, 0),
            ({"kind": "rate_storm", "retry_after": "7"}, "pending", None, 0, 0),
            ({"kind": "server_error"}, "uncertain", "server_error", 1, 0),
            ({"kind": "server_error", "created": 1}, "uncertain", "server_error", 1, 1),
            ({"kind": "reset", "created": 1}, "uncertain", None, 1, 1),
            ({"kind": "no_answer", "created": 1}, "uncertain", None, 1, 1),
            ({"kind": "truncated_body", "created": 1}, "uncertain", None, 1, 1),
            ({"kind": "html_body", "created": 1}, "uncertain", None, 1, 1),
            ({"kind": "redirect", "status": 307}, "uncertain", None, 1, 0),
        ],
        ids=lambda value: f"{value['kind']}-{value.get('refusal', '')}" if isinstance(value, dict) else "",
    )
    def test_each_answer_has_one_state_and_only_proof_gives_a_cap_back(
        self,
        make_world: Callable[..., World],
        fault: dict[str, Any],
        status: str,
        reason: str | None,
        counted: int,
        texts: int,
    ) -> None:
        world = make_world(durations=IMPATIENT if fault["kind"] == "no_answer" else Durations())
        message_id = world.message()
        world.simulator.add_fault(**fault, times=1)

        world.send(message_id)

        row = world.row(message_id)
        assert row.status == status
        assert world.counted() == counted
        assert len(world.texts()) == texts
        if status == "failed":
            assert row.reason == reason
            assert not row.opted_out_in_flight
        assert row.proven_failures == 0

    def test_the_provider_s_opt_out_is_ours(self, world: World) -> None:
        contact_id = world.contact()
        first, second = world.message(contact_id=contact_id), world.message(contact_id=contact_id, step=2)
        world.simulator.add_fault("refusal", refusal="opted_out", times=1)

        world.send(first)

        assert world.person(contact_id).opted_out_at is not None
        assert world.row(second).reason == "opted_out"

    def test_an_account_refusal_opens_the_breaker_and_harms_no_message(self, world: World) -> None:
        ids = [world.message() for _ in range(4)]
        world.simulator.add_fault("refusal", refusal="not_enough_credits", times=1)

        world.send(*ids)

        assert {world.status(each) for each in ids} == {"pending"}
        assert sending_state(world.console).breaker_reason == "no_credit"
        assert len(world.simulator.lines("request")) - len(world.simulator.lines("text")) >= 1
        assert (world.counted(), world.texts()) == (0, [])
        world.move(minutes=6)
        assert world.send(*ids) == 4

    def test_a_refused_connection_leaves_the_message_due_again(self, make_world: Callable[..., World]) -> None:
        world = make_world(provider_base_url="http://127.0.0.1:9")
        message_id = world.message()

        world.send(message_id)

        row = world.row(message_id)
        assert (row.status, row.proven_failures, row.lease_until) == ("pending", 0, None)
        assert world.counted() == 0

    def test_three_missed_starts_end_it(self, world: World) -> None:
        message_id = world.message()
        for number in range(1, 4):
            world.execute("UPDATE messages SET not_before = product_now()")
            fence = begin(world, message_id)
            record_outcome(world.campaign_worker, message_id, fence=fence, outcome=NotStarted("guard"), at=world.now())
            assert world.row(message_id).proven_failures == number

        assert (world.status(message_id), world.row(message_id).reason) == ("failed", "never_started")

    def test_one_id_for_two_texts_is_no_proof_for_the_second(self, world: World) -> None:
        first, second = world.message(), world.message()
        world.send(first)
        accepted = Accepted(world.row(first).provider_message_id or "", "queued", None)
        fence = begin(world, second)

        record_outcome(world.campaign_worker, second, fence=fence, outcome=accepted, at=world.now())

        assert (world.status(second), world.row(second).provider_message_id) == ("uncertain", None)


class TestFences:
    @pytest.mark.parametrize(
        "outcome",
        [
            Accepted("AClate", "queued", None),
            NotStarted("guard"),
            Refused(RefusalScope.MESSAGE, RefusalReason.INVALID_MESSAGE, 400),
        ],
        ids=lambda outcome: type(outcome).__name__,
    )
    def test_a_stale_fence_changes_nothing(self, world: World, outcome: Accepted | NotStarted | Refused) -> None:
        message_id = world.message()
        stale = begin(world, message_id)
        record_outcome(
            world.campaign_worker, message_id, fence=stale, outcome=NotStarted("not_connected"), at=world.now()
        )
        world.execute("UPDATE messages SET not_before = product_now()")
        begin(world, message_id)
        before = world.row(message_id)

        record_outcome(world.campaign_worker, message_id, fence=stale, outcome=outcome, at=world.now())

        after = world.row(message_id)
        assert (after.status, after.fence, after.attempts) == (before.status, before.fence, before.attempts)
        assert after.provider_message_id is None

    def test_late_proof_that_nothing_left_frees_an_uncertain_message(self, world: World) -> None:
        message_id = world.message()
        fence = begin(world, message_id)
        world.end_leases()
        sweep(world.beat)
        assert world.status(message_id) == "uncertain"

        record_outcome(world.campaign_worker, message_id, fence=fence, outcome=NotStarted("guard"), at=world.now())

        assert world.status(message_id) == "pending"
        world.move(minutes=1)
        assert world.send(message_id) == 1
        assert len(world.texts()) == 1

    def test_a_leased_message_is_nobody_else_s_until_its_lease_ends(self, world: World) -> None:
        message_id = world.message()
        with world.context.database.transaction() as session:
            outbox.claim(session, [message_id], lease=timedelta(minutes=1))

        assert world.send(message_id) == 0
        world.end_leases()
        assert world.send(message_id) == 1

    def test_repeated_ids_send_once(self, world: World) -> None:
        message_id = world.message()
        with ThreadPoolExecutor(8) as pool:
            sent = list(pool.map(lambda _: send_messages(world.campaign_worker, [message_id, message_id]), range(8)))

        assert sum(sent) == 1
        assert len(world.texts()) == 1


class TestBatches:
    def test_no_time_left_gives_the_ids_back(self, make_world: Callable[..., World]) -> None:
        world = make_world(durations=Durations(batch_budget=timedelta(microseconds=1)))
        ids = [world.message() for _ in range(3)]
        Dispatcher(world.beat).dispatch()

        assert world.send(*ids) == 0

        rows = [world.row(each) for each in ids]
        assert {(row.status, row.lease_until, row.published_at) for row in rows} == {("pending", None, None)}

    @pytest.mark.own_valkey
    def test_no_limiter_no_text(self, world: World, valkey_server: ValkeyProcess) -> None:
        message_id = world.message()
        valkey_server.stop()

        assert world.send(message_id) == 0

        row = world.row(message_id)
        assert (row.status, row.lease_until, row.attempts) == ("pending", None, 0)
        assert world.counted() == 0

    @pytest.mark.parametrize("verb", [pause_campaign, cancel_campaign])
    def test_a_campaign_stopped_in_the_middle_sends_no_more(self, world: World, verb: Callable[..., object]) -> None:
        campaign_id = world.campaign(people=4)
        first, *others = [row.id for row in world.rows_of(campaign_id)]
        world.send(first)
        verb(world.console, campaign_id, by="a test")

        assert world.send(*others) == 0

        expected = "pending" if verb is pause_campaign else "skipped"
        assert [world.status(each) for each in others] == [expected] * 3

    def test_a_stop_of_all_sending_holds_at_the_next_submission(self, world: World) -> None:
        message_id = world.message()
        stop_sending(world.console, reason="wrong list", by="a test")

        assert world.send(message_id) == 0
        assert Dispatcher(world.beat).dispatch() == 0
        assert world.status(message_id) == "pending"


class TestCaps:
    @pytest.mark.parametrize(
        ("kind", "option"), [("marketing", "number_daily_cap"), ("transactional", "account_daily_cap")]
    )
    def test_eight_senders_at_once_stay_under_a_daily_cap(
        self, make_world: Callable[..., World], kind: str, option: str
    ) -> None:
        world = make_world(**{option: 10})
        ids = [world.message(kind=MessageKind(kind)) for _ in range(32)]
        contexts = [world.another() for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda each: until_answered(lambda: send_messages(contexts[each], ids[each::8])), range(8)))
        for context in contexts:
            context.close()

        assert len(world.texts()) == world.counted() == 10
        deferred = [row for row in map(world.row, ids) if row.status == "pending"]
        assert len(deferred) == 22
        assert {row.lease_until for row in deferred} == {None}

    def test_one_marketing_text_a_month(self, world: World) -> None:
        contact_id = world.contact()
        first = world.message(contact_id=contact_id, kind=MessageKind.MARKETING)
        second = world.message(contact_id=contact_id, kind=MessageKind.MARKETING, step=2)
        reply = world.message(contact_id=contact_id, step=3)

        world.send(first, second, reply)

        assert [world.status(each) for each in (first, second, reply)] == ["sent", "pending", "sent"]
        assert (world.row(second).not_before or world.now()) - world.now() > timedelta(days=29)

    def test_a_number_with_a_text_in_doubt_gets_no_other(self, world: World) -> None:
        contact_id = world.contact()
        first, second = world.message(contact_id=contact_id), world.message(contact_id=contact_id, step=2)
        world.simulator.add_fault("server_error", times=1)

        world.send(first, second)

        assert [world.status(each) for each in (first, second)] == ["uncertain", "pending"]

    def test_hours_go_by_the_database_s_product_time(self, world: World) -> None:
        message_id = world.message(new_number())
        world.move(hours=9)  # 22:00 in New York, whatever this machine's clock says

        assert world.send(message_id) == 0

        assert world.status(message_id) == "pending"
        assert (world.row(message_id).not_before or world.now()) > world.now()


class TestClocks:
    @pytest.mark.parametrize("off", [timedelta(hours=-36), timedelta(seconds=-5), timedelta(minutes=10)])
    def test_nothing_leaves_while_they_disagree_and_all_goes_on_afterwards(self, world: World, off: timedelta) -> None:
        message_id = world.message()
        with time_machine.travel(datetime.now(UTC) + off, tick=True):
            assert world.send(message_id) == 0
            report = {part.name: part for part in check_health(world.operations_worker).parts}
        assert not report["clocks"].well
        assert (world.status(message_id), world.texts()) == (MessageStatus.PENDING, [])
        assert world.send(message_id) == 1


class TestDispatch:
    def test_what_came_back_behind_the_watermark_is_found(self, world: World) -> None:
        ids = [world.message() for _ in range(3)]
        dispatcher = Dispatcher(world.beat)
        assert dispatcher.dispatch() == 3
        late = world.message(not_before=world.now() - timedelta(hours=1))

        published = [dispatcher.dispatch() for _ in range(6)]

        assert sum(published) == 1
        assert world.row(late).published_at is not None
        assert all(world.row(each).published_at for each in ids)

    def test_ids_with_the_broker_stay_bounded(self, make_world: Callable[..., World]) -> None:
        world = make_world(provider_rate=0.1)
        for _ in range(10):
            world.message()

        assert [Dispatcher(world.beat).dispatch() for _ in range(2)] == [6, 0]

    @pytest.mark.own_valkey
    def test_a_broker_that_is_away_costs_nothing(self, world: World, valkey_server: ValkeyProcess) -> None:
        message_id = world.message()
        dispatcher = Dispatcher(world.beat)
        valkey_server.stop()
        dispatcher.dispatch()
        assert world.row(message_id).published_at is None
        valkey_server.start()

        assert dispatcher.dispatch() == 1
