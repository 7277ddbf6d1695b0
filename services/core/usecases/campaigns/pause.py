"""Pause a campaign."""

from services.core.domain.campaigns import CampaignStatus
from services.core.storage import audit
from services.core.usecases.campaigns.state import lock_campaign, step, view_of
from services.core.usecases.context import Context
from services.core.usecases.versions import Versions
from services.core.views import campaigns as views


def pause_campaign(context: Context, campaign_id: int, *, by: str, versions: Versions | None = None) -> views.Campaign:
    """Submit nothing more of the campaign; what is on its way to the provider still ends.

    A scheduled one is a draft again, its plan with it: it starts when somebody says so.
    """
    with context.database.transaction() as session:
        campaign = lock_campaign(session, campaign_id, versions)
        if campaign.status == CampaignStatus.SCHEDULED:
            step(campaign, CampaignStatus.DRAFT)
            campaign.starts_at = None
            audit.record(session, actor=by, act="campaign.unscheduled", subject="campaign", subject_id=campaign_id)
        elif step(campaign, CampaignStatus.PAUSED):
            audit.record(session, actor=by, act="campaign.paused", subject="campaign", subject_id=campaign_id)
        return view_of(session, campaign)
