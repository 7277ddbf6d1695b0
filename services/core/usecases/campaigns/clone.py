"""Clone a campaign: a new draft with the same texts and pacing, for the same audience or for those whom it failed."""

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.failures import Conflict, NotFound
from services.core.storage import clock
from services.core.storage.models import Campaign
from services.core.usecases.campaigns.create import create_campaign, terms_of
from services.core.usecases.context import Context
from services.core.views import campaigns as views

OVER = (CampaignStatus.FINISHED, CampaignStatus.CANCELLED)


def clone_campaign(
    context: Context,
    campaign_id: int,
    *,
    name: str,
    only_failed: bool = False,
    by: str,
) -> views.Campaign:
    """Make the draft, to be planned and approved like any other. An end that has passed is not taken along.

    With `only_failed` its audience is whom the ended campaign's text failed to reach: a campaign itself never texts a
    number twice, so another try is another campaign, under the same gate and caps. Raises `NotFound`, or `Conflict`
    for a name that is taken or a campaign that still runs.
    """
    with context.database.reading() as session:
        source = session.get(Campaign, campaign_id)
        if source is None:
            raise NotFound("campaign", campaign_id)
        if only_failed and source.status not in OVER:
            detail = f"campaign {campaign_id} is {source.status}: who failed is known when it is over"
            raise Conflict("campaign_not_over", detail, pointer="/only_failed")
        has_end = source.ends_at is not None and source.ends_at > clock.product_now(session)
        new = views.NewCampaign.read(
            **terms_of(source)
            | {"name": name, "ends_at": source.ends_at if has_end else None}
            | ({"audience": {"failed_of": campaign_id}} if only_failed else {})
        )
    return create_campaign(context, new, by=by)
