"""No submission commits after the opt-out has: STOP and begin_submit at the same instant, by the commit times."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier

import pytest
from sqlalchemy import text

from services.core.storage import outbox
from services.core.storage.rights import Component
from services.core.usecases.messages import send as send_message
from services.core.usecases.operations.vouch import vouch
from services.core.usecases.webhooks.accept import store_webhooks
from tests.tools.waiting import GIVE_UP_AFTER, until_answered
from tests.tools.world import World, new_number

ROUNDS = 500
LATE = """
SELECT count(*) AS opted_out,
       count(*) FILTER (WHERE attempts.id IS NOT NULL) AS submitted,
       count(*) FILTER (WHERE pg_xact_commit_timestamp(attempts.xmin)
                              > pg_xact_commit_timestamp(opt_outs.xmin)) AS late
FROM messages JOIN opt_outs ON opt_outs.contact_id = messages.contact_id
LEFT JOIN attempts ON attempts.message_id = messages.id
"""


@pytest.mark.processes
@pytest.mark.timeout(240)
def test_no_submission_commits_after_the_opt_out(make_world: Callable[..., World]) -> None:
    world = make_world(number_daily_cap=ROUNDS, account_daily_cap=ROUNDS)
    numbers = [new_number() for _ in range(ROUNDS)]
    world.execute("INSERT INTO contacts (e164) SELECT unnest(cast(:numbers AS text[]))", numbers=numbers)
    campaign_id = world.campaign(daily_cap=ROUNDS, batch_size=ROUNDS)
    ids = {row.e164: row.id for row in world.rows_of(campaign_id)}
    with world.context.database.transaction() as session:
        claims = outbox.claim(session, list(ids.values()), lease=timedelta(minutes=10))
    assert [claim.message_id for claim in claims] == [ids[number] for number in numbers]
    assert vouch(world.campaign_worker)
    both = Barrier(2, timeout=GIVE_UP_AFTER)

    def submit() -> None:
        for claim in claims:
            both.wait()
            # the transaction alone: the call after it is no part of this
            until_answered(partial(send_message._begin, world.campaign_worker, claim))

    with ThreadPoolExecutor(1) as pool:
        sender = pool.submit(submit)
        for number in numbers:
            delivery = world.signed(world.text_from(number, "STOP"))
            both.wait()
            until_answered(partial(store_webhooks, world.acting(Component.WEBHOOK_INGRESS), [delivery]))
        sender.result()

    with world.context.database.reading() as session:
        opted_out, submitted, late = session.execute(text(LATE)).one()
    skipped = sum(row.reason == "opted_out" for row in world.rows_of(campaign_id))
    assert (opted_out, late, submitted + skipped) == (ROUNDS, 0, ROUNDS)
    assert submitted > 0, "the two never met"
    assert skipped > 0, "the two never met"
