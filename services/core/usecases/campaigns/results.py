"""What came of a campaign: results by variant with their comparison, and every recipient's own end, also as CSV."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.comparison import Comparison, Rate, compare, response_rate
from services.core.domain.csv_export import Cell, PhoneCell, export_csv
from services.core.domain.failures import NotFound
from services.core.domain.messages import MessageKind, MessageStatus
from services.core.storage import audit, results
from services.core.storage.database import Session
from services.core.storage.models import Campaign
from services.core.storage.results import RecipientRow, VariantCounts
from services.core.usecases.context import Context
from services.core.usecases.inspect_verbs import Page

ROWS_AT_ONCE = 2000
PLANNED = "planned"
EXCLUDED = "excluded"
CANCELLED = "campaign_cancelled"
COLUMNS = (
    *("phone", "variant", "state", "reason", "segments", "message_id", "submitted_at", "receipt_at"),
    *("replied_at", "opted_out_at", "first_name", "last_name", "external_id", "text", "error_code"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantResults:
    """One variant's messages by state. A response is a reply that is no opt-out, one a person."""

    variant: str
    messages: int
    sent: int
    delivered: int
    undelivered: int
    failed: int
    skipped: int
    open: int
    opt_outs: int
    response: Rate
    time_to_reply: timedelta | None


@dataclass(frozen=True, slots=True)
class CampaignResults:
    """Results by variant; `comparison` is there when the campaign tests two texts."""

    campaign_id: int
    name: str
    status: str
    variants: Sequence[VariantResults]
    comparison: Comparison | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientView:
    """A recipient with its end: `state` is the message's, else `planned` or `excluded`; `reason` says why.

    `error_code` is the provider's, of a text that failed.
    """

    recipient_id: int
    contact_id: int
    e164: str
    variant: str
    state: str
    reason: str | None
    segments: int
    message_id: int | None
    body: str | None
    deferred_until: datetime | None
    submitted_at: datetime | None
    receipt_at: datetime | None
    replied_at: datetime | None
    opted_out_at: datetime | None
    first_name: str | None
    last_name: str | None
    external_id: str | None
    error_code: str | None


def campaign_results(context: Context, campaign_id: int) -> CampaignResults:
    """Raises `NotFound`."""
    with context.database.reading() as session:
        campaign = _found(session, campaign_id)
        variants = [_results(counts) for counts in results.by_variant(session, campaign_id)]
        rates = {each.variant: each.response for each in variants}
        none = response_rate(0, 0)
        comparison = compare(rates.get("a", none), rates.get("b", none)) if campaign.template_b is not None else None
        return CampaignResults(campaign.id, campaign.name, campaign.status, variants, comparison)


def list_recipients(
    context: Context,
    campaign_id: int,
    *,
    excluded_only: bool = False,
    deferred_only: bool = False,
    after: int = 0,
    limit: int = 100,
) -> Page[RecipientView]:
    """The plan's recipients by id, or with `excluded_only` those who get nothing, or with `deferred_only` those whom
    the gate lets wait because they were texted too short a while ago. Raises `NotFound`.
    """
    with context.database.reading() as session:
        campaign = _found(session, campaign_id)
        is_marketing = campaign.kind == MessageKind.MARKETING
        rows = results.recipients(
            session,
            campaign_id,
            frequency=context.settings.contact_frequency if is_marketing else timedelta(0),
            after=after,
            limit=limit + 1,
            excluded_only=excluded_only,
            deferred_only=deferred_only,
        )
    is_cancelled = campaign.status == CampaignStatus.CANCELLED and campaign.started_at is not None
    views = [_view(row, is_cancelled=is_cancelled) for row in rows[:limit]]
    return Page(views, views[-1].recipient_id if len(rows) > limit else None)


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


def _results(counts: VariantCounts) -> VariantResults:
    return VariantResults(
        variant=counts.variant,
        messages=counts.messages,
        sent=counts.sent,
        delivered=counts.delivered,
        undelivered=counts.undelivered,
        failed=counts.failed,
        skipped=counts.skipped,
        open=counts.open,
        opt_outs=counts.opt_outs,
        response=response_rate(counts.texted, counts.responses),
        time_to_reply=counts.time_to_reply,
    )


def _view(row: RecipientRow, *, is_cancelled: bool) -> RecipientView:
    is_unmade = is_cancelled and row.status is None and row.excluded is None
    return RecipientView(
        recipient_id=row.recipient_id,
        contact_id=row.contact_id,
        e164=row.e164,
        variant=row.variant,
        state=MessageStatus.SKIPPED if is_unmade else row.status or (PLANNED if row.excluded is None else EXCLUDED),
        reason=CANCELLED if is_unmade else row.reason or row.excluded or row.deferred_by,
        segments=row.segments,
        message_id=row.message_id,
        body=row.body,
        deferred_until=row.deferred_until,
        submitted_at=row.submitted_at,
        receipt_at=row.receipt_at,
        replied_at=row.replied_at,
        opted_out_at=row.opted_out_at,
        first_name=row.first_name,
        last_name=row.last_name,
        external_id=row.external_id,
        error_code=row.error_code,
    )
