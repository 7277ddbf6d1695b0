"""A campaign's state: its steps, and how it is shown."""

from services.core.domain.campaigns import CampaignStatus, CampaignTransitionRefused, step_to
from services.core.domain.failures import Conflict
from services.core.storage import messages
from services.core.storage.database import Session
from services.core.storage.models import Campaign
from services.core.views import campaigns as views


def step(campaign: Campaign, after: CampaignStatus) -> bool:
    """Take the step and count a version; whether anything changed. Raises `Conflict` where there is no such step."""
    try:
        changes = step_to(CampaignStatus(campaign.status), after)
    except CampaignTransitionRefused as refused:
        raise Conflict("campaign_state", str(refused)) from refused
    if changes:
        campaign.status = after
        campaign.version += 1
    return changes


def view_of(session: Session, campaign: Campaign) -> views.Campaign:
    """The campaign with its messages counted by state."""
    return views.Campaign.of(campaign, messages=messages.counts(session, campaign.id))
