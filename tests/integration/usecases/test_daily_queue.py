"""Today's batch of each running campaign: under its cap, spread over the window, fair, and after an outage too."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta

import pytest

from services.core.domain.sending_window import next_business_day
from services.core.usecases.campaigns.pause import pause_campaign
from services.core.usecases.campaigns.queue_today import queue_daily_campaigns
from services.core.usecases.campaigns.resume import resume_campaign
from services.core.usecases.messages.dispatch import Dispatcher
from tests.tools.world import ZONE, World

QUEUED_AT = time(8, 30)


def move_to_next_day(world: World, at: time) -> datetime:
    """The next business day's local time."""
    day = next_business_day(world.now().astimezone(ZONE).date(), closed_days=frozenset())
    world.move_to(datetime.combine(day, at, ZONE))
    return world.now()


def slots(world: World, campaign_id: int) -> list[str]:
    """When the campaign's queued messages are due: day of the month, local time and how many."""
    due = [row.not_before for row in world.rows_of(campaign_id) if row.not_before is not None]
    counts = Counter(f"{at.astimezone(ZONE):%H:%M}" for at in due)
    return [f"{at} x{count}" for at, count in sorted(counts.items())]


def by_day(world: World, campaign_id: int) -> list[int]:
    due = [row.not_before for row in world.rows_of(campaign_id) if row.not_before is not None]
    return list(Counter(at.astimezone(ZONE).date() for at in sorted(due)).values())


def send_all_due(world: World, *campaign_ids: int) -> int:
    """Dispatch and send what is due at this instant; how many texts that made."""
    before = len(world.texts())
    Dispatcher(world.beat).dispatch()
    ids = [row.id for id_ in campaign_ids for row in world.rows_of(id_) if row.published_at is not None]
    for start in range(0, len(ids), 50):
        world.send(*ids[start : start + 50])
    return len(world.texts()) - before


@pytest.fixture
def wide(make_world: Callable[..., World]) -> World:
    """A world in which the numbers' own caps stop nobody."""
    return make_world(number_daily_cap=10_000, account_daily_cap=10_000)


class TestADay:
    def test_the_default_day_is_25_every_half_hour_up_to_125(self, wide: World) -> None:
        move_to_next_day(wide, time(7))
        campaign_id = wide.campaign(people=140)
        move_to_next_day(wide, QUEUED_AT)
        wide.execute("UPDATE messages SET not_before = NULL")  # a campaign that was started on another day
        assert queue_daily_campaigns(wide.context) == {"campaigns": 1, "messages": 125}
        assert slots(wide, campaign_id) == ["09:00 x25", "09:30 x25", "10:00 x25", "10:30 x25", "11:00 x25"]

    def test_a_repeated_run_adds_nothing(self, wide: World) -> None:
        wide.campaign(people=20, daily_cap=10, batch_size=5)
        move_to_next_day(wide, QUEUED_AT)
        assert queue_daily_campaigns(wide.context)["messages"] == 10
        assert queue_daily_campaigns(wide.context)["messages"] == 0

    def test_a_late_run_fits_into_what_is_left_of_the_window(self, wide: World) -> None:
        move_to_next_day(wide, time(7))
        campaign_id = wide.campaign(people=20, daily_cap=20, batch_size=5)
        wide.execute("UPDATE messages SET not_before = NULL")
        wide.move_to(wide.now().astimezone(ZONE).replace(hour=16, minute=10, second=0, microsecond=0))
        assert queue_daily_campaigns(wide.context)["messages"] == 10
        assert slots(wide, campaign_id) == ["16:10 x5", "16:40 x5"]

    def test_it_ends_day_by_day_with_each_person_once(self, wide: World) -> None:
        campaign_id = wide.campaign(people=12, daily_cap=5, batch_size=5)
        sent = [send_all_due(wide, campaign_id)]
        while len(wide.texts()) < 12:
            move_to_next_day(wide, QUEUED_AT)
            queue_daily_campaigns(wide.context)
            assert send_all_due(wide, campaign_id) == 0  # the window is not open yet
            wide.move(minutes=31)
            sent.append(send_all_due(wide, campaign_id))
        assert sent == [5, 5, 2]
        assert set(Counter(str(text["to"]) for text in wide.texts()).values()) == {1}

    def test_nothing_is_queued_on_a_closed_day(self, wide: World) -> None:
        campaign_id = wide.campaign(people=3, daily_cap=1)
        at = wide.now().astimezone(ZONE)
        wide.move_to(datetime.combine(at.date() + timedelta(days=5 - at.weekday()), QUEUED_AT, ZONE))
        assert queue_daily_campaigns(wide.context) == {"campaigns": 1, "messages": 0}
        assert by_day(wide, campaign_id) == []  # what was missed on the day before waits for Monday, too


class TestSeveralCampaigns:
    def test_each_has_its_own_day_and_all_go_out_in_turn(self, wide: World) -> None:
        """Forty campaigns at once, each with five texts due: L5 of the reliability design."""
        for _ in range(5):
            wide.contact()
        campaign_ids = [wide.campaign(daily_cap=5, batch_size=5, ids_per_task=1) for _ in range(40)]
        assert Dispatcher(wide.context).dispatch() == 200
        order = published_order(wide, campaign_ids)
        assert jain_index(order, campaign_ids) >= 0.9
        assert set(Counter(order).values()) == {5}

    def test_a_paused_one_is_left_out_and_resumes_within_its_cap(self, wide: World) -> None:
        first = wide.campaign(people=6, daily_cap=3, batch_size=3)
        second = wide.campaign(daily_cap=3, batch_size=3)
        pause_campaign(wide.context, first, by="a test")
        move_to_next_day(wide, QUEUED_AT)
        assert queue_daily_campaigns(wide.context) == {"campaigns": 1, "messages": 3}
        resume_campaign(wide.context, first, by="a test")
        assert queue_daily_campaigns(wide.context)["messages"] == 0
        assert slots(wide, first) == slots(wide, second) == ["09:00 x3"]


class TestAfterAnOutage:
    def test_missed_instants_are_spread_anew_not_sent_in_one_burst(self, wide: World) -> None:
        """Down from 9:00 to 12:10: the whole day's batch starts at 12:10, half an hour apart."""
        move_to_next_day(wide, time(7))
        campaign_id = wide.campaign(people=20, daily_cap=15, batch_size=5)
        assert slots(wide, campaign_id) == ["09:00 x5", "09:30 x5", "10:00 x5"]
        wide.move_to(wide.now().astimezone(ZONE).replace(hour=12, minute=10, second=0, microsecond=0))
        assert queue_daily_campaigns(wide.context)["messages"] == 15
        assert slots(wide, campaign_id) == ["12:10 x5", "12:40 x5", "13:10 x5"]
        assert send_all_due(wide, campaign_id) == 5

    def test_what_is_late_without_a_run_is_spread_anew_as_well(self, wide: World) -> None:
        """The day's run had taken place before the outage: nobody but dispatch sees that it was in vain."""
        move_to_next_day(wide, time(7))
        campaign_id = wide.campaign(people=20, daily_cap=15, batch_size=5)
        wide.move_to(wide.now().astimezone(ZONE).replace(hour=12, minute=10, second=0, microsecond=0))
        assert [send_all_due(wide, campaign_id) for _ in range(3)] == [0, 5, 0]
        assert slots(wide, campaign_id) == ["12:10 x5", "12:40 x5", "13:10 x5"]

    def test_dispatch_alone_keeps_a_day_s_cap_after_two_days_down(self, wide: World) -> None:
        campaign_id = wide.campaign(people=30, daily_cap=10, batch_size=10)
        for _ in range(2):
            move_to_next_day(wide, time(13))
        sent = [send_all_due(wide, campaign_id) for _ in range(3)]
        queue_daily_campaigns(wide.context)  # caught up after dispatch was there first
        assert [*sent, send_all_due(wide, campaign_id)] == [0, 10, 0, 0]

    def test_what_went_before_counts_towards_the_cap(self, wide: World) -> None:
        move_to_next_day(wide, time(9, 0))
        campaign_id = wide.campaign(people=20, daily_cap=15, batch_size=5)
        assert send_all_due(wide, campaign_id) == 5
        wide.move_to(wide.now().astimezone(ZONE).replace(hour=12, minute=10, second=0, microsecond=0))
        assert queue_daily_campaigns(wide.context)["messages"] == 10
        assert sum(1 for row in wide.rows_of(campaign_id) if row.not_before is not None) == 15

    def test_what_does_not_fit_today_waits_for_another_day_and_no_day_is_made_up(self, wide: World) -> None:
        """Two days down: on the third, one day's cap goes out, not three."""
        move_to_next_day(wide, time(7))
        campaign_id = wide.campaign(people=20, daily_cap=10, batch_size=5)
        for _ in range(2):
            move_to_next_day(wide, QUEUED_AT)
        assert queue_daily_campaigns(wide.context)["messages"] == 10
        assert (by_day(wide, campaign_id), slots(wide, campaign_id)) == ([10], ["09:00 x5", "09:30 x5"])

    def test_an_outage_shorter_than_an_interval_moves_nothing(self, wide: World) -> None:
        move_to_next_day(wide, time(7))
        campaign_id = wide.campaign(people=10, daily_cap=10, batch_size=5)
        before = slots(wide, campaign_id)
        wide.move_to(wide.now().astimezone(ZONE).replace(hour=9, minute=20, second=0, microsecond=0))
        assert queue_daily_campaigns(wide.context)["messages"] == 0
        assert slots(wide, campaign_id) == before


def published_order(world: World, campaign_ids: Sequence[int]) -> list[int]:
    """The campaigns of the ids in the queue, in the order in which workers will take them."""
    from tests.tools.queues import waiting_ids

    campaign_of = {row.id: id_ for id_ in campaign_ids for row in world.rows_of(id_)}
    return [campaign_of[message_id] for message_id in waiting_ids(world.redis_url, "campaigns")]


def jain_index(order: Sequence[int], campaign_ids: Sequence[int]) -> float:
    """Jain's fairness of what each campaign got in the first half of the order; 1 is even."""
    got = Counter(order[: len(order) // 2])
    shares = [got[id_] for id_ in campaign_ids]
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))
