"""Preview a text: what three people of the audience would get now, and the first of them who would get nothing."""

from collections.abc import Iterable, Iterator
from itertools import islice

from services.core.domain.failures import NotFound, RefusedInput
from services.core.domain.segments import PRICE_PER_SEGMENT_USD, count_segments
from services.core.storage import campaigns, clock, outbox
from services.core.storage.database import Session
from services.core.storage.models import Campaign, Contact
from services.core.usecases.campaigns.audience import check_audience
from services.core.usecases.campaigns.create import draft_of, findings_of, terms_of
from services.core.usecases.campaigns.decide import Decided, Decisions
from services.core.usecases.contacts.person_key import person_key
from services.core.usecases.context import Context
from services.core.views import campaigns as views

SHOWN = 3
AT_ONCE = 500
LOOKED_AT_AT_MOST = 10_000
"""People who are looked at for three texts and a refusal: a page is drawn with each pause in the typing."""

UNNAMED = "not yet saved"

Found = tuple[Contact, Decided]


def preview_campaign(context: Context, wanted: views.PreviewCampaign) -> views.Preview:
    """Render the text for the people named, or the first three by number who get one. Nothing is stored.

    What would be refused of the text when it is saved, and yet can be shown, is in `findings`. Raises `NotFound`, or
    `RefusedInput` naming the field.
    """
    with context.database.reading() as session:
        campaign = _campaign(context, session, wanted)
        check_audience(session, campaign.audience)
        decisions = Decisions(context, campaign, clock.product_now(session))
        if wanted.people:
            people = _named(context, session, campaign, wanted.people)
            shown, refused, looked_at, is_whole = list(_decided(session, decisions, people)), None, len(people), False
        else:
            shown, refused, looked_at, is_whole = _first(session, decisions, campaign)
        return views.Preview(
            campaign_id=wanted.campaign_id,
            people=[_view(*found) for found in shown],
            first_refused=_view(*refused) if refused is not None else None,
            looked_at=looked_at,
            is_whole=is_whole,
            findings=[views.TextFinding.of(finding, pointer=pointer) for pointer, finding in findings_of(campaign)],
        )


def _campaign(context: Context, session: Session, wanted: views.PreviewCampaign) -> Campaign:
    """The row of what is to be previewed, in no session."""
    terms = {"name": UNNAMED}
    if wanted.campaign_id is not None:
        saved = session.get(Campaign, wanted.campaign_id)
        if saved is None:
            raise NotFound("campaign", wanted.campaign_id)
        terms = terms_of(saved)
    campaign = draft_of(context, views.NewCampaign.read(**terms | wanted.given()), by="")
    campaign.id = wanted.campaign_id or 0
    return campaign


def _named(context: Context, session: Session, campaign: Campaign, keys: Iterable[str]) -> list[Contact]:
    people = []
    for index, key in enumerate(keys):
        try:
            found = campaigns.in_audience(session, campaign.audience, person_key(context, key))
        except NotFound:
            found = None
        if found is None:
            detail = "nobody of the audience: name an id, or a number such as (202) 555-0143, of one who is in it"
            raise RefusedInput("not_in_audience", detail, pointer=f"/people/{index}")
        people.append(found)
    return people


def _first(session: Session, decisions: Decisions, campaign: Campaign) -> tuple[list[Found], Found | None, int, bool]:
    """The first who get a text, the first who gets none, how many were looked at, and whether those were all."""
    texted: list[Found] = []
    refused: Found | None = None
    looked_at = 0
    for people in campaigns.audience(session, campaign.audience, at_once=AT_ONCE):
        found = list(_decided(session, decisions, people))
        texted += islice((each for each in found if each[1].excluded is None), SHOWN - len(texted))
        refused = refused or next((each for each in found if each[1].excluded is not None), None)
        looked_at += len(people)
        if looked_at >= LOOKED_AT_AT_MOST or (refused is not None and len(texted) == SHOWN):
            return texted, refused, looked_at, False
    return texted, refused, looked_at, True


def _decided(session: Session, decisions: Decisions, people: Iterable[Contact]) -> Iterator[Found]:
    people = list(people)
    texted = outbox.last_marketing_of(session, [contact.id for contact in people])
    return ((contact, decisions.of(contact, texted.get(contact.id))) for contact in people)


def _view(contact: Contact, decided: Decided) -> views.PreviewedText:
    counted = count_segments(decided.body or "")
    return views.PreviewedText.of(
        contact,
        contact_id=contact.id,
        variant=decided.variant,
        body=decided.body,
        reason=str(decided.excluded) if decided.excluded is not None else None,
        encoding=counted.encoding if decided.body is not None else None,
        units=counted.units,
        segments=counted.segments,
        forced_by=counted.forced_by,
        cost_usd=PRICE_PER_SEGMENT_USD * counted.segments,
    )
