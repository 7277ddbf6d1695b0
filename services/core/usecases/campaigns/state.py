"""A campaign's state: locked to be changed, its steps, and how it is shown."""

from datetime import datetime
from typing import Any

from services.core.domain.campaigns import CampaignStatus, CampaignTransitionRefused, StopReason, step_to
from services.core.domain.failures import Conflict, NotFound
from services.core.storage import campaigns, messages
from services.core.storage.database import Session
from services.core.storage.models import Campaign
from services.core.usecases.versions import Versions, check_version
from services.core.views import campaigns as views


def lock_campaign(session: Session, campaign_id: int, versions: Versions | None) -> Campaign:
    """The campaign, locked until the transaction ends, and of one of `versions` where any are named.

    Raises `NotFound`, or `RefusedInput` (412) when it was changed since whoever acts has read it.
    """
    campaign = campaigns.lock(session, campaign_id)
    if campaign is None:
        raise NotFound("campaign", campaign_id)
    check_version(lambda: str(campaign.version), versions, noun="campaign")
    return campaign


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


def stop(campaign: Campaign, status: CampaignStatus, reason: StopReason, detail: dict[str, Any], at: datetime) -> None:
    """Let the campaign wait for a person, who sees why."""
    step(campaign, status)
    campaign.stopped_at = at
    campaign.stopped_because = reason
    campaign.stopped_detail = detail


def unstop(campaign: Campaign) -> None:
    """A person has seen to it."""
    campaign.stopped_at = None
    campaign.stopped_because = None
    campaign.stopped_detail = None


def view_of(session: Session, campaign: Campaign) -> views.Campaign:
    """The campaign with its messages counted by state; as its row has it, so that what can't be read can be stopped."""
    audience, window = campaign.audience_json, campaign.window_json
    return views.Campaign.of(
        campaign,
        messages=messages.counts(session, campaign.id),
        audience={key: value for key, value in audience.items() if key != "fields"},
        fields=audience.get("fields", []),
        window=window and {key: value for key, value in window.items() if key in views.Window.model_fields},
    )
