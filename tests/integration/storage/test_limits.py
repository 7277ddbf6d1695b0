"""A write that takes at most so many rows takes no more, whatever plan the server makes of it."""

import inspect
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from services.core.storage import outbox, retention
from services.core.storage.database import Session
from services.core.storage.outbox import life
from tests.tools.world import World

ROWS, LIMIT = 5, 2


def skip(session: Session, campaign_id: int) -> int:
    return life.skip_waiting_of(session, campaign_id, reason="campaign_cancelled", limit=LIMIT)


def unpublish(session: Session, _: int) -> int:
    return outbox.unpublish_stale(session, queued=(), published_before=timedelta(0), limit=LIMIT)


def erase_texts(session: Session, _: int) -> int:
    session.execute(text("UPDATE messages SET status = 'skipped', reason = 'campaign_cancelled'"))
    return retention.erase_texts(session, older_than=timedelta(0), limit=LIMIT)


def erase_planned_texts(session: Session, _: int) -> int:
    session.execute(text("UPDATE campaigns SET status = 'cancelled', finished_at = product_now() - interval '1 day'"))
    return retention.erase_planned_texts(session, older_than=timedelta(0), limit=LIMIT)


@pytest.mark.parametrize("write", [skip, unpublish, erase_texts, erase_planned_texts])
def test_is_kept_where_the_choice_could_be_made_for_each_row(
    world: World, write: Callable[[Session, int], int]
) -> None:
    campaign_id = world.campaign(people=ROWS)
    world.execute("UPDATE messages SET published_at = now() - interval '1 hour'")
    with world.context.database.transaction() as session:
        for join in ("hashjoin", "mergejoin", "hashagg", "material"):
            session.execute(text(f"SET LOCAL enable_{join} = off"))
        assert write(session, campaign_id) == LIMIT


@pytest.mark.parametrize("module", [life, outbox, retention])
def test_whoever_locks_a_limited_choice_for_a_write_makes_it_once(module: object) -> None:
    writes = re.compile(r"\b(update|delete|_skip_all)\(")
    for name, function in inspect.getmembers(module, inspect.isfunction):
        source = inspect.getsource(function)
        if ".limit(limit)" in source and ".with_for_update(" in source and writes.search(source):
            assert "once(" in source, name
