"""HELP is answered once a day, and never to somebody who opted out."""

from services.core.storage import messages
from tests.tools.world import World, new_number

QUESTIONS = ("HELP", "help!", "INFO")


def answers_to(world: World, e164: str) -> int:
    with world.context.database.reading() as session:
        return sum(row.direction == "outgoing" for row in messages.page(session, e164=e164))


def test_it_is_answered_once_a_day(world: World) -> None:
    e164 = new_number()
    for question in QUESTIONS:
        world.receive(world.text_from(e164, question))
    assert answers_to(world, e164) == 1
    world.move(hours=25)
    world.receive(world.text_from(e164, "help"))
    assert answers_to(world, e164) == 2


def test_nobody_who_opted_out_is_answered(world: World) -> None:
    e164 = new_number()
    world.receive(world.text_from(e164, "STOP"))
    world.receive(world.text_from(e164, "HELP"))
    assert answers_to(world, e164) == 0


def test_a_question_in_a_longer_text_is_for_people(world: World) -> None:
    e164 = new_number()
    world.receive(world.text_from(e164, "can you help me with my basement?"))
    assert answers_to(world, e164) == 0
