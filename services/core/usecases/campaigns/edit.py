"""Edit a draft: what it says, whom it is for, how fast it goes. A plan of what it said before is no plan of it."""

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.failures import Conflict, RefusedInput
from services.core.storage import audit, campaigns
from services.core.storage.database import Session
from services.core.storage.models import Campaign
from services.core.storage.unique import unless_taken
from services.core.usecases.campaigns.audience import check_audience
from services.core.usecases.campaigns.create import TAKEN, check_texts, draft_of, terms_of
from services.core.usecases.campaigns.state import lock_campaign, unstop, view_of
from services.core.usecases.context import Context
from services.core.usecases.versions import Versions
from services.core.views import campaigns as views

COLUMNS = tuple(name for name in views.NewCampaign.model_fields if name != "fields")
NOT_PLANNED = frozenset({"name", "ids_per_task"})
"""What a plan says nothing of."""


def edit_campaign(
    context: Context, campaign_id: int, said: views.EditCampaign, *, by: str, versions: Versions | None = None
) -> views.Campaign:
    """Write what is named into the draft, under the rules of a new one; a plan that speaks of it is forgotten.

    Raises `NotFound`, `RefusedInput` naming the field, or `Conflict` for a name that is taken or a started campaign.
    """
    given = said.given()
    if not given:
        raise RefusedInput("nothing_given", "nothing is to be otherwise: name at least one field")
    with context.database.transaction() as session:
        campaign = lock_draft(session, campaign_id, versions)
        wanted = draft_of(context, views.NewCampaign.read(**terms_of(campaign) | given), by=campaign.created_by)
        check_texts(wanted)
        check_audience(session, wanted.audience)
        changed = [name for name in COLUMNS if getattr(campaign, name) != getattr(wanted, name)]
        if not changed:
            return view_of(session, campaign)
        with unless_taken(session, TAKEN):
            for name in changed:
                setattr(campaign, name, getattr(wanted, name))
        unstop(campaign)
        if not NOT_PLANNED.issuperset(changed):
            _forget_plan(session, campaign)
        campaign.version += 1
        audit.record(
            session,
            actor=by,
            act="campaign.edited",
            subject="campaign",
            subject_id=campaign_id,
            detail={"fields": changed},
        )
        return view_of(session, campaign)


def lock_draft(session: Session, campaign_id: int, versions: Versions | None) -> Campaign:
    """The draft, locked. Raises as `lock_campaign` does, and `Conflict` for a campaign that is no draft."""
    campaign = lock_campaign(session, campaign_id, versions)
    if campaign.status != CampaignStatus.DRAFT:
        started = "clone it, or change its cap, window or end with campaigns change"
        remedy = "pause it first" if campaign.status == CampaignStatus.SCHEDULED else started
        raise Conflict("campaign_not_draft", f"campaign {campaign_id} is {campaign.status} and no draft: {remedy}")
    return campaign


def _forget_plan(session: Session, campaign: Campaign) -> None:
    campaigns.drop_recipients(session, campaign.id)
    campaign.plan_hash = None
    campaign.plan = None
    campaign.planned_at = None
