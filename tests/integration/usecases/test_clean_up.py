"""What is forgotten when, by contract section 6: bodies after 30 days, ids after 400, an opt-out's proof never."""

from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import text

from services.core.storage.database import Session
from services.core.usecases.operations import clean_up as clean_up_module
from services.core.usecases.operations.clean_up import clean_up
from tests.tools.world import World, new_number

NOTHING = dict.fromkeys((name for name, _, _ in clean_up_module.RULES), 0)


def bodies(world: World) -> int:
    return int(world.value("SELECT count(*) FROM inbox WHERE raw IS NOT NULL"))


class TestBodies:
    @pytest.mark.parametrize(("days", "left"), [(29.9, 1), (30.1, 0)])
    def test_a_body_is_erased_after_thirty_days(self, world: World, days: float, left: int) -> None:
        world.receive(world.text_from(new_number(), "When do you come?"))
        world.move(days=days)
        assert clean_up(world.operations_worker) == NOTHING | {"webhook_bodies": 1 - left, "texts": 1 - left}
        assert (bodies(world), world.inbox_count()) == (left, 1)

    @pytest.mark.parametrize("status", ["new", "parked"])
    def test_one_that_still_waits_keeps_its_body(self, world: World, status: str) -> None:
        world.accept(world.text_from(new_number(), "hello"))
        world.execute("UPDATE inbox SET status = :status", status=status)
        world.move(days=60)
        assert clean_up(world.operations_worker)["webhook_bodies"] == 0
        assert bodies(world) == 1

    def test_one_that_was_put_aside_loses_it_too(self, world: World) -> None:
        world.accept(b'{"not": "readable"}')
        world.move(days=31)
        assert clean_up(world.operations_worker)["webhook_bodies"] == 1

    def test_a_repeated_delivery_is_known_without_its_body(self, world: World) -> None:
        body = world.text_from(new_number(), "hello")
        world.receive(body, delivery_id="once")
        world.move(days=399)
        clean_up(world.operations_worker)
        assert world.accept(body, delivery_id="once").verdict == "duplicate"


class TestIds:
    @pytest.mark.parametrize(("days", "left"), [(399, 1), (401, 0)])
    def test_effects_are_known_for_four_hundred_days(self, world: World, days: float, left: int) -> None:
        world.receive(world.text_from(new_number(), "hello"))
        world.move(days=days)
        assert clean_up(world.operations_worker)["effects"] == 1 - left
        assert world.value("SELECT count(*) FROM effects") == left

    def test_the_opt_out_and_its_proof_outlive_everything(self, world: World) -> None:
        """Four years and more: no rule reaches them."""
        number = new_number()
        contact_id = world.contact(number)
        world.receive(world.text_from(number, "STOP"))
        world.move(days=4 * 366)
        clean_up(world.operations_worker)
        assert world.person(contact_id).opted_out_at is not None
        proof = "SELECT source || ' ' || rule FROM opt_outs WHERE contact_id = :id"
        assert str(world.value(proof, id=contact_id)).startswith("webhook ")


class TestBatches:
    def test_it_goes_in_batches_of_bounded_size(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(clean_up_module, "ROWS_AT_ONCE", 10)
        sizes: list[int] = []
        rules = tuple((name, counted(forget, sizes), kept) for name, forget, kept in clean_up_module.RULES)
        monkeypatch.setattr(clean_up_module, "RULES", rules)
        fill_inbox(world, 25)
        assert clean_up(world.operations_worker)["webhook_bodies"] == 25
        assert max(sizes) == 10
        assert bodies(world) == 0

    def test_what_the_night_does_not_suffice_for_is_the_next_one_s(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(clean_up_module, "ROWS_AT_ONCE", 10)
        fill_inbox(world, 45)
        seconds = (15.0 * step for step in count())
        assert clean_up(world.operations_worker, elapsed=lambda: next(seconds)) == NOTHING | {"webhook_bodies": 10}
        assert clean_up(world.operations_worker)["webhook_bodies"] == 35

    def test_a_row_that_somebody_holds_is_left_for_the_next_night(self, world: World) -> None:
        fill_inbox(world, 3)
        with world.context.database.transaction() as session:
            session.execute(text("SELECT 1 FROM inbox WHERE id = 1 FOR UPDATE"))
            assert clean_up(world.operations_worker)["webhook_bodies"] == 2
        assert clean_up(world.operations_worker)["webhook_bodies"] == 1


def counted(forget: clean_up_module.Forget, sizes: list[int]) -> clean_up_module.Forget:
    def forget_and_count(session: Session, /, *, older_than: timedelta, limit: int) -> int:
        sizes.append(forget(session, older_than=older_than, limit=limit))
        return sizes[-1]

    return forget_and_count


def fill_inbox(world: World, rows: int) -> None:
    """So many handled events of two months ago."""
    world.execute(
        "INSERT INTO inbox (scheme, dedupe_key, body_hash, received_at, raw, status)"
        " SELECT 'standard', 'old ' || n, '\\x00', product_now() - interval '60 days', '\\x7b7d', 'handled'"
        " FROM generate_series(1, :rows) AS n",
        rows=rows,
    )
