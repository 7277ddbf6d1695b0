"""A campaign starts at a time: its plan is checked again then, and what has changed too much waits for a person."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.core.domain.failures import Conflict, RefusedInput
from services.core.usecases.campaigns.cancel import cancel_campaign
from services.core.usecases.campaigns.edit import edit_campaign
from services.core.usecases.campaigns.find import show_campaign
from services.core.usecases.campaigns.pause import pause_campaign
from services.core.usecases.campaigns.plan import plan_campaign
from services.core.usecases.campaigns.resume import resume_campaign
from services.core.usecases.campaigns.start import start_campaign
from services.core.usecases.campaigns.start_due import start_due_campaign
from services.core.usecases.contacts.opt_out import add_opt_out
from services.core.usecases.operations.sweep import sweep
from services.core.usecases.operations.today import show_today
from services.core.views.campaigns import Campaign, EditCampaign
from services.core.views.opt_outs import NewOptOut
from tests.tools.world import ZONE, World, new_number

BY = "maria"
LATER = timedelta(hours=1)


def shown(world: World, campaign_id: int) -> Campaign:
    return show_campaign(world.console, str(campaign_id))


def schedule(world: World, campaign_id: int, at: datetime) -> Campaign:
    plan_hash = str(shown(world, campaign_id).plan_hash)
    return start_campaign(world.console, campaign_id, plan_hash=plan_hash, at=at, by=BY)


def scheduled(world: World, *, people: int = 4, after: timedelta = LATER, **values: Any) -> int:
    campaign_id = world.campaign(people=people, started=False, **values)
    schedule(world, campaign_id, world.now() + after)
    return campaign_id


def let_it_come(world: World, campaign_id: int, after: timedelta = LATER) -> Campaign:
    """The time comes, the sweep finds it, a worker does it."""
    world.move_to(world.now() + after)
    assert sweep(world.beat).campaigns == 1
    start_due_campaign(world.operations_worker, campaign_id)
    return shown(world, campaign_id)


class TestStart:
    def test_nothing_leaves_before_and_it_runs_then(self, world: World) -> None:
        campaign_id = scheduled(world)
        waiting = shown(world, campaign_id)
        assert (waiting.status, waiting.started_at, waiting.messages) == ("scheduled", None, {})
        assert sweep(world.beat).campaigns == 0
        start_due_campaign(world.operations_worker, campaign_id)
        assert shown(world, campaign_id) == waiting

        begun = let_it_come(world, campaign_id)
        assert (begun.status, begun.messages, begun.stopped_because) == ("running", {"pending": 4}, None)
        assert begun.drift is not None
        assert (begun.drift.approved, begun.drift.count) == (4, 0)
        assert begun.plan_hash == waiting.plan_hash
        (entry,) = world.rows("SELECT actor, detail FROM audit WHERE act = 'campaign.started'")
        assert (entry[0], entry[1]["plan_hash"]) == ("schedule", waiting.plan_hash)

    def test_a_second_worker_and_a_second_pass_start_it_once(self, world: World) -> None:
        campaign_id = scheduled(world)
        begun = let_it_come(world, campaign_id)
        start_due_campaign(world.operations_worker, campaign_id)
        assert shown(world, campaign_id) == begun
        assert sweep(world.beat).campaigns == 0

    def test_a_crash_before_the_commit_is_done_again(self, world: World) -> None:
        campaign_id = scheduled(world)
        before = shown(world, campaign_id)
        world.move_to(world.now() + LATER)
        world.execute("ALTER TABLE messages ADD CONSTRAINT full_up CHECK (campaign_id IS NULL)")
        with pytest.raises(Exception, match="full_up"):
            start_due_campaign(world.operations_worker, campaign_id)
        assert shown(world, campaign_id) == before
        world.execute("ALTER TABLE messages DROP CONSTRAINT full_up")
        assert sweep(world.beat).campaigns == 1
        start_due_campaign(world.operations_worker, campaign_id)
        assert shown(world, campaign_id).messages == {"pending": 4}

    def test_outside_the_window_its_texts_wait_for_the_opening(self, world: World) -> None:
        """Product time is 13:00 in New York; eight hours on the window is closed."""
        campaign_id = scheduled(world, after=timedelta(hours=8))
        plan = shown(world, campaign_id).plan
        assert plan is not None
        assert plan.finish_at is not None
        finish_at = plan.finish_at.astimezone(ZONE)
        assert (finish_at.hour, finish_at.minute, finish_at.weekday() < 5) == (9, 0, True)
        begun = let_it_come(world, campaign_id, timedelta(hours=8))
        assert (begun.status, begun.messages) == ("running", {"pending": 4})
        assert [message.not_before for message in world.rows_of(campaign_id)] == [None] * 4

    def test_an_outage_over_the_time_starts_it_late(self, world: World) -> None:
        campaign_id = scheduled(world)
        assert let_it_come(world, campaign_id, timedelta(days=2)).status == "running"

    def test_the_instant_is_kept_over_a_change_of_the_clocks(self, world: World) -> None:
        """The clocks go forward at 2:00: 9:00 is an hour earlier in UTC than the day before."""
        spring = _next_spring(world.now().date())
        world.move_to(datetime.combine(spring - timedelta(days=2), time(13), ZONE))
        campaign_id = world.campaign(people=1, started=False)
        at = datetime.combine(spring + timedelta(days=1), time(9), ZONE)
        assert schedule(world, campaign_id, at).starts_at == at
        world.move_to(at - timedelta(seconds=30))
        assert sweep(world.beat).campaigns == 0
        begun = let_it_come(world, campaign_id, timedelta(seconds=30))
        assert begun.started_at is not None
        assert begun.started_at.astimezone(ZONE).hour == 9


class TestDrift:
    def test_a_few_others_are_let_go_with_what_they_get_now(self, make_world: Any) -> None:
        world = make_world(scheduled_start_drift=0.5)
        number = new_number()
        world.contact(number)
        campaign_id = scheduled(world, people=3)
        add_opt_out(world.console, NewOptOut.read(phone=number, evidence="by phone"), by=BY)
        begun = let_it_come(world, campaign_id)
        assert (begun.status, begun.messages) == ("running", {"pending": 3})
        assert begun.drift is not None
        assert (begun.drift.approved, begun.drift.removed, begun.drift.added) == (4, 1, 0)

    @pytest.mark.parametrize("change", ["removed", "added", "changed"])
    def test_too_many_wait_for_a_person_who_sees_what_has_changed(self, world: World, change: str) -> None:
        numbers = [new_number() for _ in range(3)]
        for number in numbers:
            world.contact(number)
        campaign_id = scheduled(world, people=1)
        approved = shown(world, campaign_id).plan_hash
        match change:
            case "removed":
                add_opt_out(world.console, NewOptOut.read(phone=numbers[0], evidence="by phone"), by=BY)
            case "added":
                world.contact()
            case _:
                world.execute("UPDATE contacts SET first_name = 'Bea' WHERE e164 = :e164", e164=numbers[0])
        found = let_it_come(world, campaign_id)
        assert (found.status, found.stopped_because, found.starts_at) == ("draft", "plan_drifted", None)
        assert found.drift is not None
        assert (found.drift.count, getattr(found.drift, change)) == (1, 1)
        assert (found.messages, found.plan_hash != approved) == ({}, True)
        assert [(each.kind, each.count) for each in show_today(world.console).to_do] == [("stopped_campaigns", 1)]
        # The plan of today is at hand: the person starts it with its hash.
        started = start_campaign(world.console, campaign_id, plan_hash=str(found.plan_hash), by=BY)
        assert (started.status, started.stopped_because) == ("running", None)
        assert show_today(world.console).to_do == []

    def test_an_end_that_has_passed_meanwhile(self, world: World) -> None:
        campaign_id = scheduled(world, ends_at=world.now() + timedelta(hours=2))
        found = let_it_come(world, campaign_id, timedelta(hours=3))
        assert (found.status, found.stopped_because) == ("draft", "end_passed")

    def test_an_audience_that_is_gone(self, world: World) -> None:
        campaign_id = scheduled(world)
        world.execute("UPDATE campaigns SET audience = '{\"import\": 999}' WHERE id = :id", id=campaign_id)
        found = let_it_come(world, campaign_id)
        assert (found.status, found.stopped_because) == ("draft", "plan_refused")
        assert found.stopped_detail == {"code": "audience_not_imported"}


class TestBefore:
    def test_a_pause_makes_it_a_draft_with_its_plan(self, world: World) -> None:
        campaign_id = scheduled(world)
        before = shown(world, campaign_id)
        paused = pause_campaign(world.console, campaign_id, by=BY)
        assert (paused.status, paused.starts_at, paused.plan_hash) == ("draft", None, before.plan_hash)
        world.move_to(world.now() + LATER)
        assert sweep(world.beat).campaigns == 0

    def test_a_cancelled_one_never_starts(self, world: World) -> None:
        campaign_id = scheduled(world)
        assert cancel_campaign(world.console, campaign_id, by=BY).status == "cancelled"
        world.move_to(world.now() + LATER)
        start_due_campaign(world.operations_worker, campaign_id)
        assert (shown(world, campaign_id).status, shown(world, campaign_id).messages) == ("cancelled", {})

    def test_another_time_or_none(self, world: World) -> None:
        campaign_id = scheduled(world)
        before = shown(world, campaign_id)
        assert before.starts_at is not None
        assert schedule(world, campaign_id, before.starts_at) == before
        later = schedule(world, campaign_id, before.starts_at + LATER)
        assert (later.starts_at, later.version) == (before.starts_at + LATER, before.version + 1)
        now = start_campaign(world.console, campaign_id, plan_hash=str(before.plan_hash), by=BY)
        assert (now.status, now.messages) == ("running", {"pending": 4})

    def test_what_is_scheduled_is_not_changed_under_it(self, world: World) -> None:
        campaign_id = scheduled(world)
        with pytest.raises(Conflict, match="pause it"):
            edit_campaign(world.console, campaign_id, EditCampaign.read(daily_cap=7), by=BY)
        with pytest.raises(Conflict, match="pause it"):
            plan_campaign(world.console, campaign_id, by=BY)
        with pytest.raises(Conflict, match="start it"):
            resume_campaign(world.console, campaign_id, by=BY)

    @pytest.mark.parametrize(
        ("after", "code"),
        [
            (timedelta(0), "start_passed"),
            (timedelta(days=-1), "start_passed"),
            (timedelta(hours=5), "start_after_end"),
            (timedelta(days=400), "start_too_far"),
        ],
    )
    def test_a_time_that_means_nothing(self, world: World, after: timedelta, code: str) -> None:
        campaign_id = world.campaign(people=1, started=False, ends_at=world.now() + timedelta(hours=5))
        with pytest.raises(RefusedInput) as refused:
            schedule(world, campaign_id, world.now() + after)
        assert (refused.value.code, refused.value.pointer) == (code, "/at")
        assert shown(world, campaign_id).status == "draft"


def _next_spring(day: date) -> date:
    """The next day on which the business's clocks go forward."""
    zone = ZoneInfo(ZONE.key)
    while True:
        day += timedelta(days=1)
        before, after = (datetime.combine(day, time(hour), zone).utcoffset() for hour in (0, 4))
        if before is not None and after is not None and after > before:
            return day
