"""COMMIT was sent and its answer lost, so nobody can know: S8, S15, W7 and P10 of the reliability design, 2.9."""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from services.core.domain.inbox import Verdict
from services.core.storage.database import DatabaseUnavailable
from services.core.usecases.messages.dispatch import Dispatcher
from services.core.usecases.messages.reconcile import reconcile_messages
from services.core.usecases.messages.send import send_messages
from services.core.usecases.operations.sweep import sweep
from services.core.usecases.webhooks.accept import store_webhooks
from services.core.usecases.webhooks.handle import handle_events
from tests.tools.commit_cutter import CommitCutter
from tests.tools.world import World, new_number

pytestmark = pytest.mark.processes
TEXTS, CUTS = 350, 500
CUT_SHARE = 0.3


@pytest.fixture
def cutting(world: World) -> Iterator[Callable[[Callable[[int], bool]], CommitCutter]]:
    """Makes a way to the world's database that cuts the chosen commits."""
    made: list[CommitCutter] = []

    def make(choose: Callable[[int], bool]) -> CommitCutter:
        made.append(CommitCutter(world.database_url, choose=choose))
        return made[-1]

    yield make
    for cutter in made:
        cutter.close()


def recover(world: World, *message_ids: int) -> None:
    world.end_leases()
    sweep(world.beat)
    world.move(minutes=1)
    Dispatcher(world.beat).dispatch()
    world.send(*message_ids)


@pytest.mark.parametrize(
    ("nth", "raises"),
    [(1, True), (2, True), (3, False)],
    ids=["the lease", "S8: the submission", "S15: the outcome"],
)
def test_one_text_whichever_answer_of_a_sender_is_lost(
    world: World, cutting: Callable[..., CommitCutter], nth: int, raises: bool
) -> None:
    message_id, cutter = world.message(), cutting(lambda number: number == nth)
    sender = world.another(database_url=cutter.url)
    try:
        send_messages(sender, [message_id])
        raised = False
    except DatabaseUnavailable:
        raised = True
    finally:
        sender.close()
    recover(world, message_id)

    assert (raised, cutter.cuts) == (raises, 1)
    assert (world.status(message_id), len(world.texts()), world.counted()) == ("sent", 1, 1)


def test_w7_the_sender_is_told_to_try_again_and_the_opt_out_is_in_force_once(
    world: World, cutting: Callable[..., CommitCutter]
) -> None:
    number = new_number()
    contact_id, delivery = world.contact(number), world.signed(world.text_from(number, "STOP"), delivery_id="cut")
    ingress = world.another(database_url=cutting(lambda number: number == 1).url)
    with pytest.raises(DatabaseUnavailable):
        store_webhooks(ingress, [delivery])
    assert world.person(contact_id).opted_out_at is not None
    assert store_webhooks(ingress, [delivery])[0].verdict is Verdict.DUPLICATE
    ingress.close()
    assert world.inbox_count() == 1


@pytest.mark.parametrize("nth", [1, 2], ids=["the claim", "the effect"])
def test_one_effect_whichever_answer_of_a_handler_is_lost(
    world: World, cutting: Callable[..., CommitCutter], nth: int
) -> None:
    message_id = world.message()
    world.send(message_id)
    inbox_id = world.accept(world.receipt_for("delivered", message_id)).inbox_id or 0
    handler = world.another(database_url=cutting(lambda number: number == nth).url)
    with pytest.raises(DatabaseUnavailable):
        handle_events(handler, [inbox_id])
    handler.close()
    world.end_leases()
    world.execute("UPDATE inbox SET next_attempt_at = NULL")
    handle_events(world.webhook_worker, [inbox_id])

    assert (world.status(message_id), world.inbox(inbox_id).status) == ("delivered", "handled")
    assert world.value("SELECT count(*) FROM effects") == 1


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_p10_three_in_ten_answers_lost(world: World, cutting: Callable[..., CommitCutter]) -> None:
    """At least five hundred commits of unknown outcome; nothing lost, nothing doubled, every cap right."""
    dice = random.Random(10)  # the seed is the figure's
    cutter = cutting(lambda _number: dice.random() < CUT_SHARE)
    worker = world.another(database_url=cutter.url, number_daily_cap=10 * TEXTS, account_daily_cap=10 * TEXTS)
    message_ids = [world.message() for _ in range(TEXTS)]
    rounds, left = 0, message_ids
    while left:
        rounds += 1
        assert rounds < 50, f"{len(left)} are left"
        for message_id in left:
            with suppress(DatabaseUnavailable):
                send_messages(worker, [message_id])
        world.end_leases()
        for pass_ in (sweep, lambda context: Dispatcher(context).dispatch()):
            with suppress(DatabaseUnavailable):
                pass_(worker)
        world.move(minutes=1)
        for message_id in left:
            if world.status(message_id) == "uncertain":
                with suppress(DatabaseUnavailable):
                    reconcile_messages(worker, [message_id])
        left = [message_id for message_id in left if world.status(message_id) in ("pending", "sending", "uncertain")]
    worker.close()
    texts = world.texts()
    print(f"commits {cutter.commits} cut {cutter.cuts} texts {len(texts)} rounds {rounds}")  # noqa: T201
    assert cutter.cuts >= CUTS
    assert len({text["to"] for text in texts}) == len(texts) == world.counted() == TEXTS
