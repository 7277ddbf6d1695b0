"""Delete a draft."""

from services.core.storage import audit, campaigns
from services.core.usecases.campaigns.edit import lock_draft
from services.core.usecases.campaigns.state import view_of
from services.core.usecases.context import Context
from services.core.usecases.versions import Versions
from services.core.views import campaigns as views


def delete_campaign(context: Context, campaign_id: int, *, by: str, versions: Versions | None = None) -> views.Campaign:
    """Take the draft and its plan away; answers what it was. What was ever started is kept: it is cancelled instead.

    Raises `NotFound`, or `Conflict` for a campaign that is no draft.
    """
    with context.database.transaction() as session:
        campaign = lock_draft(session, campaign_id, versions)
        was = view_of(session, campaign)
        campaigns.drop_recipients(session, campaign_id)
        session.delete(campaign)
        audit.record(session, actor=by, act="campaign.deleted", subject="campaign", subject_id=campaign_id)
        return was
