"""Queue today's batch of each running campaign: the next messages, under its daily cap, spread over the window."""

import structlog

from services.core.domain.pacing import plan_slots
from services.core.storage import campaigns, clock, outbox
from services.core.storage.database import Session
from services.core.storage.models import Campaign
from services.core.usecases.campaigns.forecast import pacing_of
from services.core.usecases.campaigns.windows import local_day, window_of
from services.core.usecases.context import Context

log = structlog.get_logger()


def queue_daily_campaigns(context: Context) -> dict[str, int]:
    """Queue for all running campaigns, each in its own transaction; answers how many campaigns and messages.

    Doing it again the same day adds only what the caps still allow, so a repeated or late run is harmless.
    """
    with context.database.reading() as session:
        ids = [campaign.id for campaign in outbox.running_campaigns(session)]
    queued = 0
    for campaign_id in ids:
        with context.database.transaction() as session:
            campaign = campaigns.lock(session, campaign_id)
            if campaign is not None and campaign.status == "running":
                queued += queue_today(context, session, campaign)
    return {"campaigns": len(ids), "messages": queued}


def queue_today(context: Context, session: Session, campaign: Campaign) -> int:
    """Give the campaign's next messages their instants of today; answers how many.

    Those that missed their instant, by a pause or an outage, get a new one, so that they neither come in one burst nor
    on top of a day's cap.
    """
    at = clock.product_now(session)
    window = window_of(campaign.window, context.window)
    opens, closes = local_day(at, window.zone)
    campaigns.requeue_missed(session, campaign.id, due_before=at - campaign.batch_every, closes=closes)
    already = campaigns.queued_between(session, campaign.id, opens=opens, closes=closes)
    slots = plan_slots(
        pacing_of(campaign),
        window,
        at,
        already_today=already,
        count=campaigns.unqueued(session, campaign.id),
        last_slot=campaigns.last_slot(session, campaign.id, opens=opens, closes=closes) if already else None,
    )
    queued = campaigns.queue_next(session, campaign.id, slots)
    log.info("campaign.queued", campaign_id=campaign.id, messages=queued, already_today=already)
    return queued
