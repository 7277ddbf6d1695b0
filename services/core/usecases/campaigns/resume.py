"""Resume a campaign."""

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.failures import Conflict
from services.core.storage import audit, clock
from services.core.usecases.campaigns.queue_today import queue_today
from services.core.usecases.campaigns.state import lock_campaign, step, unstop, view_of
from services.core.usecases.context import Context
from services.core.usecases.versions import Versions
from services.core.views import campaigns as views


def resume_campaign(context: Context, campaign_id: int, *, by: str, versions: Versions | None = None) -> views.Campaign:
    """Go on with a paused campaign, under today's window and caps; it is judged by what leaves from now on."""
    with context.database.transaction() as session:
        campaign = lock_campaign(session, campaign_id, versions)
        if campaign.status == CampaignStatus.DRAFT:
            raise Conflict("not_started", f"campaign {campaign_id} is a draft: plan and start it")
        if campaign.status == CampaignStatus.SCHEDULED:
            raise Conflict("not_started", f"campaign {campaign_id} is scheduled: start it to have it begin now")
        if step(campaign, CampaignStatus.RUNNING):
            campaign.judged_since = clock.product_now(session)
            unstop(campaign)
            queue_today(context, session, campaign)
            audit.record(session, actor=by, act="campaign.resumed", subject="campaign", subject_id=campaign_id)
        return view_of(session, campaign)
