"""A database that was started anew is compared with the provider before the first text: how that can fail.

What heals is asked again, whatever failed; what never heals by itself is said, and asked again when it was mended.
"""

from collections.abc import Callable

import pytest

from services.cli.laptop.ports import free_ports
from services.core.queue.throttle import Throttle
from services.core.storage.database import RightMissing
from services.core.usecases.context import Context
from services.core.usecases.operations.health import check_health
from services.core.usecases.operations.sending import resume_sending, sending_state
from services.core.usecases.operations.vouch import vouch
from services.core.views.installation import HealthPart
from tests.tools.world import World

PASSING: dict[str, dict[str, object]] = {
    "rate_storm": {},
    "server_error": {},
    "no_answer": {"seconds": 0},
    "reset": {},
    "truncated_body": {"after_bytes": 20},
    "empty_body": {},
    "html_body": {},
    "huge_body": {},
    "redirect": {"status": 302},
}
REFUSED = [
    ("unauthorized", "unauthorized"),
    ("subscription_expired", "subscription_expired"),
    ("daily_cap", "daily_cap_reached"),
    ("not_found", "list_refused"),
    ("invalid_number", "list_refused"),
]


@pytest.fixture
def message_id(world: World) -> int:
    """A text that waits in a database that has sent before and is compared anew."""
    world.send(world.message())
    _start_anew(world)
    return world.message()


def _start_anew(world: World) -> None:
    world.execute("UPDATE installation SET checked_run = NULL")
    world.disconnect()


@pytest.mark.parametrize("kind", PASSING)
def test_a_provider_that_fails_for_a_while_is_asked_again(world: World, message_id: int, kind: str) -> None:
    world.simulator.add_fault(kind, operation="list", **PASSING[kind])
    assert world.send(message_id) == 0
    assert sending_state(world.console).breaker_open_until is None
    world.simulator.clear_faults()
    assert world.send(message_id) == 1


@pytest.mark.parametrize("broken", ["database", "witness", "limiter"])
def test_so_is_each_server_of_ours(world: World, message_id: int, broken: str) -> None:
    [port] = free_ports(1)
    nowhere = f"redis://127.0.0.1:{port}/0"
    breaks: dict[str, Callable[[], Context]] = {
        "database": lambda: world.another(database_url=f"postgresql+psycopg://a:b@127.0.0.1:{port}/x"),
        "witness": lambda: world.another(redis_url=nowhere),
        "limiter": lambda: _with(world.another(), Throttle(nowhere, rate=1, read_share=1, name="a")),
    }
    context = breaks[broken]()
    try:
        assert not vouch(context)
    finally:
        context.close()
    assert world.send(message_id) == 1


def _with(context: Context, throttle: Throttle) -> Context:
    context.throttle = throttle
    return context


@pytest.mark.parametrize(("refusal", "reason"), REFUSED)
def test_a_provider_that_goes_on_refusing_is_said_and_not_asked_each_time(
    world: World, message_id: int, refusal: str, reason: str
) -> None:
    world.simulator.add_fault("refusal", operation="list", refusal=refusal, times=1)
    for _ in range(3):
        assert world.send(message_id) == 0
    assert sending_state(world.console).breaker_reason == reason
    assert reason in _provider_account(world).found

    resume_sending(world.console, by="maria")
    assert world.send(message_id) == 1


def test_it_is_asked_again_by_itself_when_the_breaker_closes(world: World, message_id: int) -> None:
    world.simulator.add_fault("refusal", operation="list", refusal="unauthorized", times=1)
    assert world.send(message_id) == 0
    world.move(minutes=6)
    assert world.send(message_id) == 1


def test_what_only_a_person_can_mend_is_raised(world: World, message_id: int) -> None:
    world.execute("REVOKE SELECT ON attempts FROM migrated_campaign_worker")
    world.disconnect()
    with pytest.raises(RightMissing, match="grants"):
        world.send(message_id)


def _provider_account(world: World) -> HealthPart:
    return next(part for part in check_health(world.operations_worker).parts if part.name == "provider account")
