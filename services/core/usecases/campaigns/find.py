"""Find campaigns: all of them, or one by id or name."""

from services.core.domain.failures import NotFound
from services.core.storage import campaigns
from services.core.usecases.campaigns.state import view_of
from services.core.usecases.contacts.person_key import is_id
from services.core.usecases.context import Context
from services.core.views import campaigns as views
from services.core.views.values import Page, page_of


def list_campaigns(
    context: Context, *, after: int, limit: int, newest_first: bool = False
) -> Page[views.CampaignSummary]:
    """Campaigns by id from behind `after` on, which is 0 at the first: oldest first unless told otherwise."""
    with context.database.reading() as session:
        rows = campaigns.page(session, after=after, limit=limit + 1, newest_first=newest_first)
        return page_of(rows, limit, views.CampaignSummary.of)


def show_campaign(context: Context, key: str) -> views.Campaign:
    """A campaign by id or name. Raises `NotFound`."""
    with context.database.reading() as session:
        campaign = campaigns.find(session, key)
        if campaign is None:
            raise NotFound("campaign", key)
        return view_of(session, campaign)


def campaign_id_of(context: Context, key: str) -> int:
    """The id of the campaign with this id or name. Raises `NotFound`."""
    with context.database.reading() as session:
        found = campaigns.find(session, key) if is_id(key) or not key.isdecimal() else None
        if found is None:
            raise NotFound("campaign", key)
        return found.id
