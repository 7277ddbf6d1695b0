"""What came of a campaign: counted by variant, and recipient by recipient."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.core.domain.campaigns import RecipientState
from services.core.domain.guards import Outcomes
from services.core.domain.send_gate import Reason

# A reply is what somebody wrote that was no opt-out; each person counts once.
ANSWERS = """
SELECT incoming.contact_id,
       min(incoming.said_at) FILTER (WHERE opt_outs.id IS NULL) AS replied_at,
       min(incoming.said_at) FILTER (WHERE opt_outs.id IS NOT NULL) AS opted_out_at
FROM messages AS incoming LEFT JOIN opt_outs ON opt_outs.inbox_id = incoming.inbox_id
WHERE incoming.campaign_id = :campaign_id AND incoming.direction = 'incoming' AND incoming.contact_id IS NOT NULL
GROUP BY incoming.contact_id
"""

COUNT_BY_VARIANT = f"""
SELECT message.variant, count(*) AS messages,
       count(*) FILTER (WHERE message.status IN ('sent', 'delivered')) AS texted,
       count(*) FILTER (WHERE message.status = 'sent') AS sent,
       count(*) FILTER (WHERE message.status = 'delivered') AS delivered,
       count(*) FILTER (WHERE message.status = 'undelivered') AS undelivered,
       count(*) FILTER (WHERE message.status = 'failed') AS failed,
       count(*) FILTER (WHERE message.status = 'skipped') AS skipped,
       count(*) FILTER (WHERE message.status IN ('pending', 'sending', 'uncertain', 'held')) AS open,
       count(*) FILTER (WHERE message.status IN ('sent', 'delivered') AND answer.replied_at IS NOT NULL) AS responses,
       count(answer.opted_out_at) AS opt_outs,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY answer.replied_at - message.submitted_at) AS time_to_reply
FROM messages AS message LEFT JOIN ({ANSWERS}) AS answer USING (contact_id)
WHERE message.campaign_id = :campaign_id AND message.direction = 'outgoing'
GROUP BY message.variant ORDER BY message.variant
"""  # noqa: S608 - no value is put in

# By what left since then, or was refused, which leaves no time of leaving. An opt-out counts wherever it came from: the
# person wants no more.
OUTCOMES = """
SELECT count(*) FILTER (WHERE message.status IN ('delivered', 'undelivered', 'failed')) AS ended,
       count(*) FILTER (WHERE message.status = 'failed') AS failed,
       count(*) FILTER (WHERE message.status = 'undelivered') AS undelivered,
       count(*) FILTER (WHERE message.status IN ('sent', 'delivered')) AS texted,
       count(*) FILTER (WHERE message.status IN ('sent', 'delivered')
                          AND contact.opted_out_at >= message.submitted_at) AS opt_outs
FROM messages AS message JOIN contacts AS contact ON contact.id = message.contact_id
WHERE message.campaign_id = :campaign_id AND message.direction = 'outgoing'
  AND coalesce(message.submitted_at, message.updated_at) >= :since
"""

# The page is chosen before anything is looked up for it: what a campaign of a million holds must not be joined for a
# hundred rows of it. Times are subqueries, since a condition on a volatile function finds no index.
RECIPIENTS = """
WITH page AS MATERIALIZED (
    SELECT recipient.*
    FROM recipients AS recipient
    WHERE recipient.campaign_id = :campaign_id AND recipient.id > :after {of_them}
    ORDER BY recipient.id LIMIT :limit
)
SELECT page.id AS recipient_id, page.contact_id, page.e164, page.variant, page.excluded,
       page.segments, page.body, message.id AS message_id, message.status, message.reason,
       message.provider_error_code AS error_code, contact.first_name, contact.last_name, contact.external_id,
       message.submitted_at, message.receipt_at, answer.replied_at, answer.opted_out_at,
       CASE WHEN texted.until > product_now() THEN texted.until ELSE blocked.until END AS deferred_until,
       CASE WHEN texted.until > product_now() THEN 'contact_frequency' ELSE blocked.reason END AS deferred_by
FROM page
JOIN contacts AS contact ON contact.id = page.contact_id
LEFT JOIN messages AS message ON message.recipient_id = page.id AND message.direction = 'outgoing'
LEFT JOIN LATERAL (
    SELECT min(incoming.said_at) FILTER (WHERE opt_outs.id IS NULL) AS replied_at,
           min(incoming.said_at) FILTER (WHERE opt_outs.id IS NOT NULL) AS opted_out_at
    FROM messages AS incoming LEFT JOIN opt_outs ON opt_outs.inbox_id = incoming.inbox_id
    WHERE incoming.contact_id = page.contact_id AND incoming.direction = 'incoming'
      AND incoming.campaign_id = :campaign_id
) AS answer ON TRUE
LEFT JOIN LATERAL (
    SELECT max(earlier.submitted_at) + :frequency AS until
    FROM messages AS earlier
    WHERE earlier.contact_id = page.contact_id AND earlier.kind = 'marketing'
      AND earlier.id IS DISTINCT FROM message.id
      AND page.excluded IS NULL AND coalesce(message.status, 'pending') = 'pending'
) AS texted ON TRUE
LEFT JOIN LATERAL (
    SELECT message.not_before AS until, decision.reason
    FROM decisions AS decision
    WHERE decision.message_id = message.id AND decision.outcome = 'deferred'
      AND message.status = 'pending' AND message.not_before > product_now()
    ORDER BY decision.id DESC LIMIT 1
) AS blocked ON blocked.reason IS NOT NULL
ORDER BY page.id
"""
ONLY_EXCLUDED = "AND recipient.excluded IS NOT NULL"
UNMADE = """
recipient.excluded IS NULL
AND NOT EXISTS (SELECT FROM messages AS own WHERE own.recipient_id = recipient.id AND own.direction = 'outgoing')
"""
ONLY_PLANNED = f"AND {UNMADE}"
# By the messages of the campaign in that state, of which there may be few among many recipients.
OF_MESSAGES = """
recipient.id IN (SELECT own.recipient_id FROM messages AS own
                 WHERE own.campaign_id = :campaign_id AND own.direction = 'outgoing' AND own.{column} = :{column})
"""
OF_STATUS = f"AND {OF_MESSAGES.format(column='status')}"
SKIPPED_OR_UNMADE = f"AND ({OF_MESSAGES.format(column='status')} OR {UNMADE})"
TEXTED_LATELY = """
NOT EXISTS (SELECT FROM messages AS own
            WHERE own.recipient_id = recipient.id AND own.direction = 'outgoing' AND own.status <> 'pending')
AND EXISTS (SELECT FROM messages AS earlier
            WHERE earlier.contact_id = recipient.contact_id AND earlier.kind = 'marketing'
              AND earlier.submitted_at > (SELECT product_now()) - :frequency
              AND earlier.recipient_id IS DISTINCT FROM recipient.id)
"""
OF_REASON = """
AND (recipient.excluded = :reason OR starts_with(recipient.excluded, :reason || ':')
     OR {of_messages}
     OR EXISTS (SELECT FROM messages AS own
                CROSS JOIN LATERAL (SELECT decision.reason FROM decisions AS decision
                                    WHERE decision.message_id = own.id AND decision.outcome = 'deferred'
                                    ORDER BY decision.id DESC LIMIT 1) AS latest
                WHERE own.recipient_id = recipient.id AND own.direction = 'outgoing' AND own.status = 'pending'
                  AND own.not_before > (SELECT product_now()) AND latest.reason = :reason)
     {more})
"""
# Whoever the gate has put off or will: looked at and not let go, or texted by another campaign a short while ago.
ONLY_DEFERRED = f"""
AND recipient.excluded IS NULL
AND (EXISTS (SELECT FROM messages AS own JOIN decisions AS decision ON decision.message_id = own.id
             WHERE own.recipient_id = recipient.id AND own.direction = 'outgoing' AND own.status = 'pending'
               AND own.not_before > (SELECT product_now()) AND decision.outcome = 'deferred')
 OR {TEXTED_LATELY})
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantCounts:
    """Messages of one variant by what became of them; `texted` are those that the provider has not given up."""

    variant: str
    messages: int
    texted: int
    sent: int
    delivered: int
    undelivered: int
    failed: int
    skipped: int
    open: int
    responses: int
    opt_outs: int
    time_to_reply: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which recipients are meant: what isn't named is not asked for.

    Of a campaign that `is_cancelled` whoever has no message is skipped.
    """

    state: RecipientState | None = None
    reason: str | None = None
    excluded_only: bool = False
    deferred_only: bool = False
    is_cancelled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientRow:
    recipient_id: int
    contact_id: int
    e164: str
    variant: str
    excluded: str | None
    segments: int
    body: str | None
    deferred_until: datetime | None
    deferred_by: str | None
    message_id: int | None
    status: str | None
    reason: str | None
    error_code: str | None
    first_name: str | None
    last_name: str | None
    external_id: str | None
    submitted_at: datetime | None
    receipt_at: datetime | None
    replied_at: datetime | None
    opted_out_at: datetime | None


def by_variant(session: Session, campaign_id: int) -> Sequence[VariantCounts]:
    rows = session.execute(text(COUNT_BY_VARIANT), {"campaign_id": campaign_id}).mappings()
    return [VariantCounts(**row) for row in rows]


def outcomes(session: Session, campaign_id: int, *, since: datetime) -> Outcomes:
    """What became of the campaign's texts that left since then."""
    return Outcomes(**session.execute(text(OUTCOMES), {"campaign_id": campaign_id, "since": since}).mappings().one())


def recipients(
    session: Session,
    campaign_id: int,
    *,
    frequency: timedelta,
    after: int,
    limit: int,
    chosen: Chosen,
) -> Sequence[RecipientRow]:
    """The plan's chosen recipients by id, `limit` of them after `after`, each with what became of it.

    Who waits is deferred until `frequency` has passed since the last marketing text.
    """
    of_them = "\n".join(_conditions(chosen))
    values = {"campaign_id": campaign_id, "frequency": frequency, "after": after, "limit": limit}
    values |= {"status": chosen.state, "reason": chosen.reason}
    rows = session.execute(text(RECIPIENTS.format(of_them=of_them)), values).mappings()
    return [RecipientRow(**row) for row in rows]


def _conditions(chosen: Chosen) -> Iterator[str]:
    if chosen.excluded_only:
        yield ONLY_EXCLUDED
    if chosen.deferred_only:
        yield ONLY_DEFERRED
    match chosen.state:
        case None:
            pass
        case RecipientState.EXCLUDED:
            yield ONLY_EXCLUDED
        case RecipientState.PLANNED:
            yield "AND FALSE" if chosen.is_cancelled else ONLY_PLANNED
        case RecipientState.SKIPPED if chosen.is_cancelled:
            yield SKIPPED_OR_UNMADE
        case _:
            yield OF_STATUS
    if chosen.reason is not None:
        more = ""
        if chosen.reason == Reason.CONTACT_FREQUENCY:
            more = f"OR recipient.excluded IS NULL AND {TEXTED_LATELY}"
        elif chosen.is_cancelled and chosen.reason == Reason.CAMPAIGN_CANCELLED:
            more = f"OR {UNMADE}"
        yield OF_REASON.format(of_messages=OF_MESSAGES.format(column="reason"), more=more)
