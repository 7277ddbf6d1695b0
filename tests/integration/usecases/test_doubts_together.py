"""Texts in doubt settle whatever the size of their campaign: few readings, each bounded, none past its task's time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import cycle
from typing import Any

import pytest

from services.core.domain.failures import Conflict, RefusedInput
from services.core.domain.reconciliation import LISTED_AFTER, LISTED_BEFORE, READ_TOGETHER
from services.core.openphone.client import OpenPhoneClient
from services.core.storage.rights import Component
from services.core.usecases.messages import reconcile
from services.core.usecases.messages.held import release
from services.core.usecases.messages.held.cancel import cancel_many_held
from services.core.usecases.messages.held.find import list_held
from services.core.usecases.messages.held.release import release_many_held
from services.core.usecases.operations.sweep import LOOKS_PER_TASK, sweep
from services.core.views.held import Decided, SeveralHeld
from tests.tools.world import World

pytestmark = pytest.mark.processes
# Seconds after the attempt, each after one that is planned and its jitter; the last an hour after the first was done.
LOOKS = (20, 67, 307, 907, 5400)
LEFT = {"sent", "delivered"}
Requests = list[dict[str, Any]]


@pytest.fixture
def listings(monkeypatch: pytest.MonkeyPatch) -> Requests:
    """What was asked of the provider's list, page for page."""
    asked: Requests = []
    call = OpenPhoneClient._call

    def note(client: OpenPhoneClient, method: str, path: str, **options: Any) -> Any:
        if path == "/messages":
            asked.append(options["parameters"])
        return call(client, method, path, **options)

    monkeypatch.setattr(OpenPhoneClient, "_call", note)
    return asked


def sent(world: World, count: int) -> list[int]:
    ids = [world.message(body=f"Hello {number}. Reply STOP to opt out.") for number in range(count)]
    while waiting := [message_id for message_id in ids if world.status(message_id) == "pending"]:
        world.execute("UPDATE messages SET not_before = product_now()")  # a slot that was lost costs a wait
        world.send(*waiting)
    assert statuses(world, ids) == {"sent"}
    return ids


def doubt(world: World, ids: list[int]) -> None:
    """Their workers were killed before they could write down what the provider had answered."""
    world.execute(
        "UPDATE messages SET status = 'uncertain', provider_message_id = NULL, lease_until = NULL WHERE id = ANY(:ids)",
        ids=ids,
    )
    world.execute("UPDATE attempts SET outcome = NULL, next_look_at = started_at WHERE message_id = ANY(:ids)", ids=ids)


def never_left(world: World, ids: list[int]) -> None:
    """As though the provider had never got them: other words than any that it lists."""
    doubt(world, ids)
    world.execute("UPDATE messages SET body = 'Never left. Reply STOP to opt out.' WHERE id = ANY(:ids)", ids=ids)


def _is_due(world: World, message_id: int) -> bool:
    next_look_at = world.attempt(message_id).next_look_at
    return next_look_at is not None and next_look_at <= world.now()


def several(**given: object) -> SeveralHeld:
    return SeveralHeld.read(reason="x", **given)


def statuses(world: World, ids: list[int]) -> set[str]:
    return {world.status(message_id) for message_id in ids}


def test_many_that_left_together_share_what_is_read(world: World, listings: Requests) -> None:
    ids = sent(world, 55)
    doubt(world, ids[::4])
    world.look(*ids[::4])
    assert statuses(world, ids[::4]) <= LEFT
    assert len(listings) == 2, "55 texts are two pages, and 14 are in doubt"


def test_one_of_many_is_asked_for_by_its_recipient(world: World, listings: Requests) -> None:
    ids = sent(world, 55)
    doubt(world, ids[:1])
    world.look(*ids[:1])
    assert statuses(world, ids[:1]) <= LEFT
    assert [asked["to"] for asked in listings] == [world.row(ids[0]).e164]


def test_what_never_left_is_held_by_few_and_bounded_readings(world: World, listings: Requests) -> None:
    ids = sent(world, 55)
    lost = ids[:1]
    never_left(world, lost)
    began = world.now()
    for seconds in LOOKS:
        world.move_to(began + timedelta(seconds=seconds))
        world.look(*lost)
    assert {(world.row(id_).status, world.row(id_).reason) for id_ in lost} == {("held", "absent")}
    assert len(listings) <= len(LOOKS) * (len(lost) + 2)
    longest = READ_TOGETHER + LISTED_BEFORE + LISTED_AFTER
    for asked in listings:
        after, before = (datetime.fromisoformat(asked[f"createdAt[{side}]"]) for side in ("gt", "lt"))
        assert before - after <= longest


@pytest.mark.parametrize("cause", ["no time", "no room"])
def test_what_there_is_no_time_or_room_for_is_no_look(
    cause: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = sent(world, 3)
    doubt(world, ids)
    world.execute("UPDATE attempts SET look_published_at = now()")
    with monkeypatch.context() as patch:
        if cause == "no time":
            patch.setattr(reconcile, "LOOKING_FOR", timedelta(seconds=-1))
        else:
            throttle = world.acting(Component.OPERATIONS_WORKER).throttle
            patch.setattr(throttle, "take", lambda *_, **__: None)
        world.look(*ids)
    assert statuses(world, ids) == {"uncertain"}
    assert world.value("SELECT count(*) FROM looks") == 0
    assert world.value("SELECT count(*) FROM attempts WHERE look_published_at IS NULL") == 3
    world.look(*ids)
    assert statuses(world, ids) <= LEFT


def test_an_id_that_stands_twice_in_a_task_is_looked_at_once(world: World) -> None:
    ids = sent(world, 2)
    doubt(world, ids)
    world.look(*ids, *ids)
    assert world.value("SELECT count(*) FROM looks") <= len(ids)
    assert statuses(world, ids) <= LEFT


@pytest.mark.parametrize("texts", [60, pytest.param(1800, marks=[pytest.mark.slow, pytest.mark.timeout(3000)])])
def test_all_in_doubt_settle_after_workers_were_killed(texts: int, make_world: Callable[..., World]) -> None:
    world = make_world(number_daily_cap=texts, account_daily_cap=texts)
    ids = [world.message(body=f"Hello {number}. Reply STOP to opt out.") for number in range(texts)]
    points = cycle(["submitting", "connected", "answered", "recording"])
    for start in range(0, texts, 20):
        child = world.child("send", *ids[start : start + 20], failpoints=f"{next(points)}=kill@{10 + start % 7}")
        assert child.ended().how == "killed"
        world.end_leases()
        sweep(world.beat)
    in_doubt = [id_ for id_ in ids if world.status(id_) == "uncertain"]
    assert len(in_doubt) >= texts // 20 * 3 // 4
    began = world.now()
    for seconds in LOOKS:
        world.move_to(began + timedelta(seconds=seconds))
        for part in (in_doubt[at : at + LOOKS_PER_TASK] for at in range(0, len(in_doubt), LOOKS_PER_TASK)):
            looked = -1
            while (seen := world.value("SELECT count(*) FROM looks")) != looked:  # what a task leaves, the next does
                looked = seen
                world.look(*(id_ for id_ in part if _is_due(world, id_)))
    assert "uncertain" not in statuses(world, in_doubt)
    left = {str(text["to"]) for text in world.texts()}
    assert {world.row(id_).e164 for id_ in in_doubt if world.status(id_) in LEFT} == left & {
        world.row(id_).e164 for id_ in in_doubt
    }
    assert world.value("SELECT count(*) FROM dead_letters") == 0


class TestDecisionsAboutMany:
    @pytest.fixture
    def held(self, world: World) -> list[int]:
        ids = sent(world, 8)
        never_left(world, ids[:5])
        doubt(world, ids[5:6])
        world.execute("UPDATE messages SET status = 'held', reason = 'absent' WHERE status = 'uncertain'")
        return ids[:6]

    def test_the_count_comes_first(self, world: World, held: list[int]) -> None:
        shown = release_many_held(world.console, several(held_for="absent", limit=2), by="maria")
        assert (shown.dry_run, shown.matched, [view.message_id for view in shown.items]) == (True, 6, held[:2])
        assert statuses(world, held) == {"held"}

    @pytest.mark.usefixtures("held")
    @pytest.mark.parametrize("verb", [release_many_held, cancel_many_held])
    def test_showing_them_first_takes_no_more_statements_for_more_of_them(
        self, world: World, verb: Callable[..., Decided]
    ) -> None:
        def statements(limit: int) -> int:
            chosen = several(held_for="absent", limit=limit)
            return world.statements(lambda context: verb(context, chosen, by="maria"))

        assert statements(1) == statements(6)
        few, many = (world.statements(partial(list_held, limit=limit)) for limit in (1, 6))
        assert few == many > 0

    def test_what_the_list_shows_stays_held_and_is_named(self, world: World, held: list[int]) -> None:
        done = release_many_held(world.console, several(older_than=timedelta(0), dry_run=False), by="maria")
        assert [view.message_id for view in done.items] == held[:5]
        assert [(each.message_id, each.code) for each in done.refused] == [(held[5], "listed")]
        assert (done.matched, done.left) == (6, 0)
        assert statuses(world, held[:5]) == {"pending"}
        assert world.status(held[5]) == "held"

    @pytest.mark.usefixtures("held")
    def test_cancelling_asks_nobody(self, world: World, listings: Requests) -> None:
        done = cancel_many_held(world.console, several(held_for="absent", dry_run=False, limit=4), by="maria")
        assert (len(done.items), done.left, listings) == (4, 2, [])

    def test_a_filter_names_something(self, world: World) -> None:
        with pytest.raises(RefusedInput, match="say which"):
            cancel_many_held(world.console, several(), by="maria")

    def test_above_fifty_a_second_person_agrees(
        self, world: World, held: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(release, "SECOND_PERSON_ABOVE", len(held) - 1)
        with pytest.raises(Conflict, match="two people"):
            release_many_held(world.console, several(held_for="absent", dry_run=False), by="maria")
        assert statuses(world, held) == {"held"}
