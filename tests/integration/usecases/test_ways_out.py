"""No state without a way out: from each that isn't an end the product or a person leads on. A new one needs its row."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum

import pytest

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.imports import ImportStatus
from services.core.domain.inbox import InboxStatus
from services.core.domain.messages import MessageStatus
from services.core.domain.schedule import RunStatus
from services.core.storage import beat_lease
from services.core.usecases.campaigns.cancel import cancel_campaign
from services.core.usecases.campaigns.find import show_campaign
from services.core.usecases.campaigns.pause import pause_campaign
from services.core.usecases.campaigns.plan import plan_campaign
from services.core.usecases.campaigns.resume import resume_campaign
from services.core.usecases.campaigns.start import start_campaign
from services.core.usecases.campaigns.start_due import start_due_campaign
from services.core.usecases.contacts import reviews
from services.core.usecases.contacts.confirm_import import confirm_import, resume_import
from services.core.usecases.contacts.dry_run_import import dry_run_import
from services.core.usecases.contacts.find_imports import show_import
from services.core.usecases.dead_letters.replay import replay_dead_letter
from services.core.usecases.messages.held.cancel import cancel_held
from services.core.usecases.operations.sweep import sweep
from services.core.usecases.schedule.run import run_scheduled_job
from services.core.usecases.schedule.run_now import run_now
from services.core.usecases.schedule.tick import tick_schedule
from services.core.usecases.webhooks.discard import discard_webhook
from services.core.usecases.webhooks.handle import handle_events
from services.core.usecases.webhooks.replay import replay_webhook
from services.core.views.held import Decision
from services.core.views.reviews import Decide, ReviewDecision
from services.core.views.webhooks import DiscardWebhook
from tests.tools.rows import add_letter
from tests.tools.world import World, new_number

BY = "maria"
Way = Callable[[World], str]
"""Brings a thing into its state, leads on from there, and answers the state it has then."""

AN_END = None


def webhook(world: World, status: InboxStatus, reason: str | None = None) -> int:
    world.accept(world.text_from(new_number(), "hello"))
    webhook_id = int(world.value("SELECT max(id) FROM inbox"))
    world.execute(
        "UPDATE inbox SET status = :status, reason = :reason WHERE id = :id",
        status=status,
        reason=reason,
        id=webhook_id,
    )
    return webhook_id


def handled(world: World, webhook_id: int) -> str:
    handle_events(world.webhook_worker, [webhook_id])
    return world.inbox(webhook_id).status


def new_webhook(world: World) -> str:
    webhook_id = webhook(world, InboxStatus.NEW)
    world.move(seconds=10)
    assert sweep(world.beat).webhooks == 1
    return handled(world, webhook_id)


def parked_webhook(world: World) -> str:
    webhook_id = webhook(world, InboxStatus.PARKED)
    world.move(hours=73)
    sweep(world.beat)
    return world.inbox(webhook_id).status


def quarantined_webhook(world: World) -> str:
    discard_webhook(world.console, webhook(world, InboxStatus.QUARANTINED), DiscardWebhook(note="known"), by=BY)
    webhook_id = webhook(world, InboxStatus.QUARANTINED, "stale_signature")
    replay_webhook(world.console, webhook_id, by=BY)
    return handled(world, webhook_id)


def ignored_webhook(world: World) -> str:
    webhook_id = webhook(world, InboxStatus.IGNORED, "discarded")
    replay_webhook(world.console, webhook_id, by=BY)
    return handled(world, webhook_id)


def dead_webhook(world: World) -> str:
    webhook_id = webhook(world, InboxStatus.DEAD)
    letter_id = add_letter(
        world.context,
        "process_webhook",
        args=[str(webhook_id)],
        reason="error",
        error="Boom",
        attempts=8,
        inbox_id=webhook_id,
    )
    replay_dead_letter(world.console, letter_id or 0, by=BY)
    return handled(world, webhook_id)


def pending_text(world: World) -> str:
    message_id = world.message()
    world.send(message_id)
    return world.status(message_id)


def in_doubt(world: World) -> int:
    message_id = world.message()
    world.simulator.add_fault("server_error", created=1, times=1)
    world.send(message_id)
    assert world.status(message_id) == "uncertain"
    return message_id


def sending_text(world: World) -> str:
    message_id = in_doubt(world)
    world.execute("UPDATE messages SET status = 'sending', lease_until = now() - interval '1 minute'")
    sweep(world.beat)
    return world.status(message_id)


def uncertain_text(world: World) -> str:
    message_id = in_doubt(world)
    world.move(seconds=20)
    world.look(message_id)
    return world.status(message_id)


def held_text(world: World) -> str:
    message_id = in_doubt(world)
    world.execute("UPDATE messages SET status = 'held'")
    cancel_held(world.console, message_id, Decision(reason="it never left"), by=BY)
    return world.status(message_id)


def sent_text(world: World) -> str:
    message_id = world.message()
    world.send(message_id)
    world.receive(world.receipt_for("delivered", message_id))
    return world.status(message_id)


def draft(world: World) -> str:
    plan = plan_campaign(world.console, world.campaign(people=1, started=False), by=BY)
    return start_campaign(world.console, plan.campaign_id, plan_hash=plan.plan_hash, by=BY).status


def running(world: World) -> str:
    return pause_campaign(world.console, world.campaign(people=1), by=BY).status


def paused(world: World) -> str:
    campaign_id = world.campaign(people=1)
    pause_campaign(world.console, campaign_id, by=BY)
    assert resume_campaign(world.console, campaign_id, by=BY).status == "running"
    return cancel_campaign(world.console, campaign_id, by=BY).status


def due_run(world: World) -> str:
    run_id = run_now(world.console, "check_completed_jobs", by=BY).run_id
    return str(run_scheduled_job(world.operations_worker, run_id, lambda _run: {}))


def lost_run(world: World) -> str:
    run_id = run_now(world.console, "check_completed_jobs", by=BY).run_id
    world.execute(
        "UPDATE scheduled_runs SET status = 'running', attempts = 1, lease_until = now() - interval '1 minute',"
        " published_at = now() - interval '2 minutes' WHERE id = :id",
        id=run_id,
    )
    with world.context.database.transaction() as session:
        lease = beat_lease.acquire_or_renew(session, holder="this test", lease=timedelta(minutes=5))
    assert lease is not None
    assert tick_schedule(world.beat, lease) == 1
    return str(run_scheduled_job(world.operations_worker, run_id, lambda _run: {}))


def dry_run(world: World) -> str:
    report = dry_run_import(world.console, [f"phone\n{new_number()}\n".encode()], file_name="x.csv", by=BY)
    return str(confirm_import(world.console, report.import_id, by=BY).status)


def cut_off_import(world: World) -> str:
    """What the sweep publishes, when the process that confirmed it is gone."""
    report = dry_run_import(world.console, [f"phone\n{new_number()}\n".encode()], file_name="x.csv", by=BY)
    world.execute("UPDATE imports SET status = 'confirming', confirmed_at = now() WHERE id = :id", id=report.import_id)
    assert resume_import(world.console, report.import_id)
    return str(show_import(world.console, report.import_id).status)


def scheduled(world: World) -> str:
    """Its time comes, and the sweep publishes it."""
    campaign_id = world.campaign(people=1, started=False)
    plan_hash = str(show_campaign(world.console, str(campaign_id)).plan_hash)
    at = world.now() + timedelta(hours=1)
    start_campaign(world.console, campaign_id, plan_hash=plan_hash, at=at, by=BY)
    world.move_to(at)
    assert sweep(world.beat).campaigns == 1
    start_due_campaign(world.operations_worker, campaign_id)
    return str(show_campaign(world.console, str(campaign_id)).status)


WAYS: Mapping[type[StrEnum], Mapping[StrEnum, Way | None]] = {
    InboxStatus: {
        InboxStatus.NEW: new_webhook,
        InboxStatus.PARKED: parked_webhook,
        InboxStatus.QUARANTINED: quarantined_webhook,
        InboxStatus.IGNORED: ignored_webhook,
        InboxStatus.DEAD: dead_webhook,
        InboxStatus.HANDLED: AN_END,
    },
    MessageStatus: {
        MessageStatus.PENDING: pending_text,
        MessageStatus.SENDING: sending_text,
        MessageStatus.UNCERTAIN: uncertain_text,
        MessageStatus.HELD: held_text,
        MessageStatus.SENT: sent_text,
        MessageStatus.DELIVERED: AN_END,
        MessageStatus.UNDELIVERED: AN_END,
        MessageStatus.FAILED: AN_END,
        MessageStatus.SKIPPED: AN_END,
        MessageStatus.RECEIVED: AN_END,
    },
    CampaignStatus: {
        CampaignStatus.DRAFT: draft,
        CampaignStatus.SCHEDULED: scheduled,
        CampaignStatus.RUNNING: running,
        CampaignStatus.PAUSED: paused,
        CampaignStatus.FINISHED: AN_END,
        CampaignStatus.CANCELLED: AN_END,
    },
    RunStatus: {
        RunStatus.DUE: due_run,
        RunStatus.RUNNING: lost_run,
        RunStatus.SUCCEEDED: AN_END,
        RunStatus.FAILED: AN_END,
        RunStatus.SKIPPED: AN_END,
    },
    ImportStatus: {
        ImportStatus.DRY_RUN: dry_run,
        ImportStatus.CONFIRMING: cut_off_import,
        ImportStatus.CONFIRMED: AN_END,
        ImportStatus.CANCELLED: AN_END,
    },
}


@pytest.mark.parametrize("states", WAYS, ids=lambda states: states.__name__)
def test_every_state_has_its_row(states: type[StrEnum]) -> None:
    assert set(WAYS[states]) == set(states)


@pytest.mark.parametrize(
    ("state", "way"),
    [
        pytest.param(state, way, id=f"{states.__name__}.{state}")
        for states, ways in WAYS.items()
        for state, way in ways.items()
        if way is not AN_END
    ],
)
def test_it_leads_on(world: World, state: StrEnum, way: Way) -> None:
    assert way(world) != state


@pytest.mark.parametrize("decision", ReviewDecision)
def test_a_review_ends_by_every_decision(world: World, decision: ReviewDecision) -> None:
    world.receive(world.text_from(new_number(), "please stop texting my dad at 617-555-0162"))
    [review] = reviews.list_reviews(world.console, after=0, limit=10).items
    reviews.decide_review(world.console, review.review_id, Decide.read(decision=decision), by=BY)

    assert reviews.list_reviews(world.console, after=0, limit=10).items == []
    assert world.person(review.contact_id).paused_at is None
