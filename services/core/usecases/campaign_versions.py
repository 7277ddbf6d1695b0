"""The version of a campaign that an act is meant for, compared once its row is locked."""

from services.core.domain.failures import NotFound, RefusedInput
from services.core.storage import campaigns
from services.core.storage.database import Session
from services.core.storage.models import Campaign

Versions = frozenset[int]


def lock_campaign(session: Session, campaign_id: int, versions: Versions | None) -> Campaign:
    """The campaign, locked until the transaction ends, and of one of `versions` where any are named.

    Raises `NotFound`, or `RefusedInput` (412) when it was changed since whoever acts has read it.
    """
    campaign = campaigns.lock(session, campaign_id)
    if campaign is None:
        raise NotFound("campaign", campaign_id)
    if versions is not None and campaign.version not in versions:
        detail = "the campaign was changed in between: read it again and decide anew"
        raise RefusedInput("version_stale", detail, status=412)
    return campaign
