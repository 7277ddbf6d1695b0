"""Everything that a person or a clock asks for, beside a million of everything: nothing ends at a timeout.

`python -m pytest -m slow tests/integration/size`; the database is filled once and kept in `.cache/million`.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from services.core.usecases.campaigns.cancel import cancel_campaign
from services.core.usecases.campaigns.find import show_campaign
from services.core.usecases.campaigns.plan import plan_campaign
from services.core.usecases.campaigns.proceed import continue_campaign
from services.core.usecases.campaigns.results import campaign_results, export_recipients, list_recipients
from services.core.usecases.campaigns.start import start_campaign
from services.core.usecases.contacts import opt_out
from services.core.usecases.contacts.conversations import list_conversations, show_conversation
from services.core.usecases.contacts.find import list_contacts
from services.core.usecases.context import Context
from services.core.usecases.messages.find import list_messages
from services.core.usecases.operations.measure import measure
from services.core.usecases.operations.sweep import sweep
from services.core.usecases.operations.today import show_today
from services.core.usecases.operations.work import list_tasks
from services.core.views.opt_outs import NewOptOut
from tests.tools.million import DRAFT, LARGE, ROWS, million

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

LOOKS: dict[str, Callable[[Context], object]] = {
    "recipients": lambda c: list_recipients(c, 1),
    "recipients, a later page": lambda c: list_recipients(c, 1, after=ROWS // 8),
    "recipients that are excluded": lambda c: list_recipients(c, 1, excluded_only=True),
    "recipients that wait": lambda c: list_recipients(c, 1, deferred_only=True),
    "recipients that wait, of a plan": lambda c: list_recipients(c, LARGE, deferred_only=True),
    "results": lambda c: campaign_results(c, 1),
    "campaign": lambda c: show_campaign(c, "1"),
    "tasks of a campaign": lambda c: list_tasks(c, campaign_id=1, limit=100),
    "tasks of a campaign that has none": lambda c: list_tasks(c, campaign_id=DRAFT, limit=100),
    "tasks of a message": lambda c: list_tasks(c, message_id=ROWS // 2, limit=100),
    "messages": lambda c: list_messages(c, after=0, limit=100),
    "messages with a person": lambda c: list_messages(c, phone="+12122500000", after=0, limit=100),
    "contacts": lambda c: list_contacts(c, after=0, limit=100),
    "conversations": lambda c: list_conversations(c, before=None, limit=100),
    "conversation": lambda c: show_conversation(c, "20", before=None, limit=100),
    "today": show_today,
    "opt-outs": lambda c: opt_out.list_opt_outs(c, after=0, limit=100, in_force=True),
    "gauges": measure,
    "sweep": sweep,
}


@pytest.fixture(scope="module")
def context() -> Iterator[Context]:
    with million() as servers, servers.context(provider_phone_number="+12125550100") as made:
        yield made


@pytest.fixture
def timed(record_property: Any, request: pytest.FixtureRequest) -> Callable[[Callable[[], Any]], Any]:
    """Does it and writes down how long it took; nothing is asserted of that."""

    def do(act: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = act()
        record_property("seconds", round(time.perf_counter() - began, 3))
        print(f"{request.node.name}: {time.perf_counter() - began:.2f} s")  # noqa: T201
        return result

    return do


@pytest.mark.parametrize("name", LOOKS)
def test_a_look(context: Context, name: str, timed: Callable[[Callable[[], Any]], Any]) -> None:
    assert timed(lambda: LOOKS[name](context)) is not None


def test_a_draft_is_planned_again(context: Context, timed: Callable[[Callable[[], Any]], Any]) -> None:
    """The kind: a foreign key without an index on its referring side."""
    plan = timed(lambda: plan_campaign(context, DRAFT, by="a test"))
    assert plan.recipients == ROWS


def test_half_of_all_are_started_and_cancelled(context: Context, timed: Callable[[Callable[[], Any]], Any]) -> None:
    """The kind: one statement over all of it."""

    def start_to_end() -> None:
        plan_hash = show_campaign(context, str(LARGE)).plan_hash
        started = start_campaign(context, LARGE, plan_hash=plan_hash or "", by="a test")
        assert sum(started.messages.values()) < ROWS // 2
        while sweep(context).campaigns or sum(show_campaign(context, str(LARGE)).messages.values()) < ROWS // 2:
            continue_campaign(context, LARGE)

    timed(start_to_end)
    assert show_campaign(context, str(LARGE)).messages == {"pending": ROWS // 2}
    cancel_campaign(context, LARGE, by="a test")
    while show_campaign(context, str(LARGE)).messages != {"skipped": ROWS // 2}:
        continue_campaign(context, LARGE)


def test_the_export_comes_to_its_end(context: Context, timed: Callable[[Callable[[], Any]], Any]) -> None:
    lines = timed(lambda: b"".join(export_recipients(context, 1, by="a test")).count(b"\n"))
    assert lines == ROWS // 4 + 1


def test_an_opt_out_beside_a_million(context: Context, timed: Callable[[Callable[[], Any]], Any]) -> None:
    found = timed(
        lambda: opt_out.add_opt_out(context, NewOptOut.read(phone="+12122500001", evidence="by phone"), by="a test")
    )
    assert found.opted_out_at is not None
