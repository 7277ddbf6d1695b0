"""What the start or the cancellation of a large campaign leaves to be done: steps of seconds, which go on after a cut.

One statement over a million messages would end at the statement timeout, and the start or the stop with it.
"""

from datetime import timedelta
from time import monotonic

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.send_gate import Reason
from services.core.storage import campaigns
from services.core.storage.database import Session
from services.core.storage.models import Campaign
from services.core.storage.outbox import life, make
from services.core.usecases.campaigns.queue_today import queue_today
from services.core.usecases.context import Context

AT_ONCE = 20_000
"""Messages in a step: about two seconds of the database, in which the campaign's row is locked."""

BEGINS_WITHIN = timedelta(seconds=15)


def continue_campaign(context: Context, campaign_id: int, *, at_once: int = AT_ONCE) -> None:
    """Go on for a while; what is left then, the sweep publishes again."""
    began = monotonic()
    while _go_on(context, campaign_id, at_once) and monotonic() - began < BEGINS_WITHIN.total_seconds():
        pass


def make_next(context: Context, session: Session, campaign: Campaign, *, at_once: int = AT_ONCE) -> None:
    """Make the messages of the next recipients; the campaign must be locked."""
    campaign.unmade_after = make.of_campaign(
        session,
        campaign.id,
        after=campaign.unmade_after or 0,
        limit=at_once,
        share_of_traces=context.settings.trace_sample_ratio,
    )


def skip_next(session: Session, campaign: Campaign, *, at_once: int = AT_ONCE) -> int:
    """End the next messages of a cancelled campaign; none of them can leave, since the gate asks for the campaign.

    The campaign, which must be locked, is marked as unmade until a step was not full.
    """
    skipped = life.skip_waiting_of(session, campaign.id, reason=Reason.CAMPAIGN_CANCELLED, limit=at_once)
    campaign.unmade_after = campaign.unmade_after or 0 if skipped == at_once else None
    return skipped


def _go_on(context: Context, campaign_id: int, at_once: int) -> bool:
    """One step in one transaction; whether anything is left."""
    with context.database.transaction() as session:
        campaign = campaigns.lock(session, campaign_id)
        if campaign is None:
            return False
        if campaign.status == CampaignStatus.CANCELLED:
            return skip_next(session, campaign, at_once=at_once) > 0
        if campaign.unmade_after is None:
            return False
        make_next(context, session, campaign, at_once=at_once)
        if campaign.status == CampaignStatus.RUNNING:
            queue_today(context, session, campaign)
        return campaign.unmade_after is not None
