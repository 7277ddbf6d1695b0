"""Cancel a campaign."""

from services.core.domain.campaigns import CampaignStatus
from services.core.storage import audit, clock
from services.core.usecases.campaigns.proceed import skip_next
from services.core.usecases.campaigns.state import lock_campaign, step, unstop, view_of
from services.core.usecases.context import Context
from services.core.usecases.versions import Versions
from services.core.views import campaigns as views


def cancel_campaign(context: Context, campaign_id: int, *, by: str, versions: Versions | None = None) -> views.Campaign:
    """End the campaign; its pending messages are skipped, what was submitted ends as it ends."""
    with context.database.transaction() as session:
        campaign = lock_campaign(session, campaign_id, versions)
        if step(campaign, CampaignStatus.CANCELLED):
            unstop(campaign)
            campaign.finished_at = clock.product_now(session)
            skipped = skip_next(session, campaign)
            audit.record(
                session,
                actor=by,
                act="campaign.cancelled",
                subject="campaign",
                subject_id=campaign_id,
                detail={"skipped": skipped},
            )
        return view_of(session, campaign)
