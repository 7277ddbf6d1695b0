"""Resume a campaign."""

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.failures import Conflict
from services.core.storage import audit
from services.core.usecases.campaigns.queue_today import queue_today
from services.core.usecases.campaigns.state import lock_campaign, step, view_of
from services.core.usecases.context import Context
from services.core.usecases.versions import Versions
from services.core.views import campaigns as views


def resume_campaign(context: Context, campaign_id: int, *, by: str, versions: Versions | None = None) -> views.Campaign:
    """Go on with a paused campaign, under today's window and caps."""
    with context.database.transaction() as session:
        campaign = lock_campaign(session, campaign_id, versions)
        if campaign.status == CampaignStatus.DRAFT:
            raise Conflict("not_started", f"campaign {campaign_id} is a draft: plan and start it")
        if step(campaign, CampaignStatus.RUNNING):
            queue_today(context, session, campaign)
            audit.record(session, actor=by, act="campaign.resumed", subject="campaign", subject_id=campaign_id)
        return view_of(session, campaign)
