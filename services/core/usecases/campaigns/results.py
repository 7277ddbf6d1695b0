"""What came of a campaign: results by variant with their comparison, and every recipient's own end, also as CSV."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial

from services.core.domain.campaigns import CampaignStatus, RecipientState
from services.core.domain.comparison import compare, response_rate
from services.core.domain.csv_export import Cell, PhoneCell, export_csv
from services.core.domain.failures import NotFound
from services.core.domain.messages import MessageKind
from services.core.domain.send_gate import Reason
from services.core.storage import audit, results
from services.core.storage.database import Session
from services.core.storage.models import Campaign
from services.core.storage.results import Chosen, RecipientRow, VariantCounts
from services.core.usecases.context import Context
from services.core.views import campaigns as views
from services.core.views.values import Page, page_of

ROWS_AT_ONCE = 2000
COLUMNS = (
    *("phone", "variant", "state", "reason", "segments", "message_id", "submitted_at", "receipt_at"),
    *("replied_at", "opted_out_at", "first_name", "last_name", "external_id", "text", "error_code"),
)


def campaign_results(context: Context, campaign_id: int) -> views.Results:
    """Raises `NotFound`."""
    with context.database.reading() as session:
        campaign = _found(session, campaign_id)
        variants = [_results(counts) for counts in results.by_variant(session, campaign_id)]
        rates = {each.variant: each.response for each in variants}
        none = response_rate(0, 0)
        comparison = compare(rates.get("a", none), rates.get("b", none)) if campaign.template_b is not None else None
        return views.Results.of(campaign, variants=variants, comparison=comparison)


def list_recipients(
    context: Context,
    campaign_id: int,
    *,
    state: RecipientState | None = None,
    reason: str | None = None,
    excluded_only: bool = False,
    deferred_only: bool = False,
    after: int = 0,
    limit: int = 100,
) -> Page[views.Recipient]:
    """The plan's recipients by id: of a state, and of a reason as it is shown, whole or before its colon; or with
    `excluded_only` those who get nothing, with `deferred_only` those whom the gate lets wait. Raises `NotFound`.
    """
    with context.database.reading() as session:
        campaign = _found(session, campaign_id)
        is_marketing = campaign.kind == MessageKind.MARKETING
        is_cancelled = campaign.status == CampaignStatus.CANCELLED and campaign.started_at is not None
        rows = results.recipients(
            session,
            campaign_id,
            frequency=context.settings.contact_frequency if is_marketing else timedelta(0),
            after=after,
            limit=limit + 1,
            chosen=Chosen(
                state=state,
                reason=reason,
                excluded_only=excluded_only,
                deferred_only=deferred_only,
                is_cancelled=is_cancelled,
            ),
        )
    return page_of(rows, limit, partial(_view, is_cancelled=is_cancelled), position="recipient_id")


def export_recipients(context: Context, campaign_id: int, *, by: str) -> Iterator[bytes]:
    """All recipients with their ends as CSV for spreadsheets, read some thousands at a time; who took it is recorded.

    Raises `NotFound`.
    """
    with context.database.transaction() as session:
        _found(session, campaign_id)
        audit.record(session, actor=by, act="campaign.exported", subject="campaign", subject_id=campaign_id)
    return export_csv(COLUMNS, _cells(context, campaign_id), byte_order_mark=True)


def _cells(context: Context, campaign_id: int) -> Iterator[Sequence[Cell]]:
    after: int | None = 0
    while after is not None:
        page = list_recipients(context, campaign_id, after=after, limit=ROWS_AT_ONCE)
        for row in page.items:
            yield (
                *(PhoneCell(row.e164), row.variant, row.state, row.reason, row.segments, row.message_id),
                *(row.submitted_at, row.receipt_at, row.replied_at, row.opted_out_at),
                *(row.first_name, row.last_name, row.external_id, row.body, row.error_code),
            )
        after = page.next


def _found(session: Session, campaign_id: int) -> Campaign:
    campaign = session.get(Campaign, campaign_id)
    if campaign is None:
        raise NotFound("campaign", campaign_id)
    return campaign


def _results(counts: VariantCounts) -> views.VariantResults:
    return views.VariantResults.of(counts, response=response_rate(counts.texted, counts.responses))


def _view(row: RecipientRow, *, is_cancelled: bool) -> views.Recipient:
    is_unmade = is_cancelled and row.status is None and row.excluded is None
    planned = RecipientState.PLANNED if row.excluded is None else RecipientState.EXCLUDED
    state = RecipientState.SKIPPED if is_unmade else row.status or planned
    reason = Reason.CAMPAIGN_CANCELLED if is_unmade else row.reason or row.excluded or row.deferred_by
    return views.Recipient.of(row, state=state, reason=reason)
