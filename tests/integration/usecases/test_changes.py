"""A started campaign's cap, window and end are changed: what comes of it is shown first, and made by its hash."""

from datetime import datetime, time, timedelta
from typing import Any

import pytest

from services.core.domain.failures import Conflict, RefusedInput
from services.core.domain.sending_window import next_business_day
from services.core.usecases.campaigns.change import change_campaign
from services.core.usecases.campaigns.find import show_campaign
from services.core.usecases.campaigns.pause import pause_campaign
from services.core.usecases.campaigns.resume import resume_campaign
from services.core.views import campaigns as views
from tests.tools.world import ZONE, World

BY = "maria"
SLOW: dict[str, Any] = {"batch_size": 1, "batch_every": timedelta(minutes=30)}


def change(world: World, campaign_id: int, **values: Any) -> views.CampaignChange:
    return change_campaign(world.console, campaign_id, views.ChangeCampaign.read(**values), by=BY)


def make(world: World, campaign_id: int, **values: Any) -> views.CampaignChange:
    shown = change(world, campaign_id, **values)
    return change(world, campaign_id, **values, change_hash=shown.change_hash)


def slots(world: World, campaign_id: int) -> list[datetime | None]:
    return [message.not_before for message in world.rows_of(campaign_id)]


def next_day(world: World) -> Any:
    return next_business_day(world.now().astimezone(ZONE).date())


class TestShown:
    def test_nothing_is_done(self, world: World) -> None:
        campaign_id = world.campaign(people=6, daily_cap=2, **SLOW)
        before, laid_out = show_campaign(world.console, str(campaign_id)), slots(world, campaign_id)
        shown = change(world, campaign_id, daily_cap=100)
        assert (shown.is_made, shown.waiting, shown.before.daily_cap, shown.after.daily_cap) == (False, 6, 2, 100)
        assert show_campaign(world.console, str(campaign_id)) == before
        assert slots(world, campaign_id) == laid_out
        assert world.value("SELECT count(*) FROM audit WHERE act = 'campaign.changed'") == 0

    def test_the_new_finish_beside_the_old(self, world: World) -> None:
        """Two a day take three days; all of them fit into today's four hours."""
        shown = change(world, world.campaign(people=6, daily_cap=2, **SLOW), daily_cap=100)
        assert shown.before.finish_at is not None
        assert shown.after.finish_at is not None
        assert shown.before.finish_at.astimezone(ZONE).date() > next_day(world)
        assert shown.after.finish_at.astimezone(ZONE).date() == world.now().astimezone(ZONE).date()

    def test_what_has_left_today_is_counted(self, world: World) -> None:
        campaign_id = world.campaign(people=2, daily_cap=1, **SLOW)
        world.send(world.rows_of(campaign_id)[0].id)
        shown = change(world, campaign_id, daily_cap=2)
        assert (shown.waiting, shown.before.finish_at, shown.after.finish_at) != (1, None, None)
        assert shown.before.finish_at is not None
        assert shown.after.finish_at is not None
        assert shown.before.finish_at.astimezone(ZONE).date() == next_day(world)
        assert shown.after.finish_at.astimezone(ZONE).date() == world.now().astimezone(ZONE).date()

    def test_whom_an_end_leaves_out(self, world: World) -> None:
        """One every half hour: the first three leave within the hour and a bit."""
        campaign_id = world.campaign(people=6, **SLOW)
        shown = change(world, campaign_id, ends_at=world.now() + timedelta(minutes=70))
        assert (shown.before.past_end, shown.after.past_end) == (0, 3)


class TestMade:
    def test_a_lower_cap_takes_todays_instants_back(self, world: World) -> None:
        campaign_id = world.campaign(people=6, **SLOW)
        assert all(slots(world, campaign_id))
        made = make(world, campaign_id, daily_cap=2)
        assert (made.is_made, made.version) == (True, show_campaign(world.console, str(campaign_id)).version)
        assert [at is not None for at in slots(world, campaign_id)] == [True, True, False, False, False, False]

    def test_a_higher_cap_lays_more_out_today(self, world: World) -> None:
        campaign_id = world.campaign(people=6, daily_cap=2, **SLOW)
        world.send(world.rows_of(campaign_id)[0].id)
        make(world, campaign_id, daily_cap=4)
        laid_out = [at for at in slots(world, campaign_id) if at is not None]
        assert len(laid_out) == 4
        assert laid_out == sorted(set(laid_out))

    def test_what_is_in_a_workers_hands_stays(self, world: World) -> None:
        campaign_id = world.campaign(people=3, **SLOW)
        first = world.rows_of(campaign_id)[0].id
        world.execute("UPDATE messages SET published_at = now() WHERE id = :id", id=first)
        before = world.row(first)
        make(world, campaign_id, daily_cap=1)
        after = world.row(first)
        assert (after.not_before, after.published_at) == (before.not_before, before.published_at)
        assert slots(world, campaign_id)[1:] == [None, None]

    def test_another_window_goes_from_its_opening(self, world: World) -> None:
        campaign_id = world.campaign(people=2, **SLOW)
        make(world, campaign_id, window={"opens": "15:00", "closes": "16:00"})
        today = world.now().astimezone(ZONE).date()
        assert slots(world, campaign_id)[0] == datetime.combine(today, time(15), ZONE)
        back = make(world, campaign_id, window=None)
        assert back.after.window is None
        assert (slots(world, campaign_id)[0] or world.now()) < datetime.combine(today, time(15), ZONE)

    def test_an_end_is_the_gates(self, world: World) -> None:
        campaign_id = world.campaign(people=1)
        make(world, campaign_id, ends_at=world.now() + timedelta(minutes=5))
        world.move(minutes=6)
        (message,) = world.rows_of(campaign_id)
        world.send(message.id)
        assert (world.status(message.id), world.row(message.id).reason) == ("skipped", "campaign_ended")

    def test_a_paused_one_lays_out_when_it_goes_on(self, world: World) -> None:
        campaign_id = world.campaign(people=4, **SLOW)
        pause_campaign(world.console, campaign_id, by=BY)
        make(world, campaign_id, daily_cap=1)
        assert slots(world, campaign_id) == [None] * 4
        resume_campaign(world.console, campaign_id, by=BY)
        assert [at is not None for at in slots(world, campaign_id)] == [True, False, False, False]

    def test_it_is_recorded_with_both_sides(self, world: World) -> None:
        campaign_id = world.campaign(people=1)
        make(world, campaign_id, daily_cap=7)
        (entry,) = world.rows("SELECT actor, detail FROM audit WHERE act = 'campaign.changed'")
        assert entry == (BY, {"before": {"daily_cap": 125}, "after": {"daily_cap": 7}})


class TestRefused:
    def test_what_was_shown_of_another_state(self, world: World) -> None:
        campaign_id = world.campaign(people=1)
        shown = change(world, campaign_id, daily_cap=7)
        pause_campaign(world.console, campaign_id, by="somebody else")
        with pytest.raises(Conflict, match="look at it again"):
            change(world, campaign_id, daily_cap=7, change_hash=shown.change_hash)
        assert show_campaign(world.console, str(campaign_id)).daily_cap == 125

    def test_the_hash_of_another_change(self, world: World) -> None:
        campaign_id = world.campaign(people=1)
        shown = change(world, campaign_id, daily_cap=7)
        with pytest.raises(Conflict, match="look at it again"):
            change(world, campaign_id, daily_cap=8, change_hash=shown.change_hash)

    @pytest.mark.parametrize(
        ("values", "code", "pointer"),
        [
            ({}, "nothing_given", ""),
            ({"daily_cap": 125}, "nothing_given", ""),
            ({"daily_cap": None}, "cap_missing", "/daily_cap"),
            ({"window": {"opens": "12:00", "closes": "10:00"}}, "window_invalid", "/window"),
            ({"ends_at": datetime(2001, 1, 1, tzinfo=ZONE)}, "end_passed", "/ends_at"),
        ],
    )
    def test_what_means_nothing(self, world: World, values: dict[str, Any], code: str, pointer: str) -> None:
        campaign_id = world.campaign(people=1)
        with pytest.raises(RefusedInput) as refused:
            change(world, campaign_id, **values)
        assert (refused.value.code, refused.value.pointer) == (code, pointer)

    def test_what_is_not_under_way(self, world: World) -> None:
        with pytest.raises(Conflict, match="edit it"):
            change(world, world.campaign(started=False), daily_cap=7)
