"""What came of a campaign: counted by variant, and recipient by recipient."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

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
# Whoever the gate has put off or will: looked at and not let go, or texted by another campaign a short while ago.
ONLY_DEFERRED = """
AND recipient.excluded IS NULL
AND (EXISTS (SELECT FROM messages AS own JOIN decisions AS decision ON decision.message_id = own.id
             WHERE own.recipient_id = recipient.id AND own.direction = 'outgoing' AND own.status = 'pending'
               AND own.not_before > (SELECT product_now()) AND decision.outcome = 'deferred')
 OR NOT EXISTS (SELECT FROM messages AS own
                WHERE own.recipient_id = recipient.id AND own.direction = 'outgoing' AND own.status <> 'pending')
 AND EXISTS (SELECT FROM messages AS earlier
            WHERE earlier.contact_id = recipient.contact_id AND earlier.kind = 'marketing'
              AND earlier.submitted_at > (SELECT product_now()) - :frequency
              AND earlier.recipient_id IS DISTINCT FROM recipient.id))
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


def recipients(
    session: Session,
    campaign_id: int,
    *,
    frequency: timedelta,
    after: int,
    limit: int,
    excluded_only: bool = False,
    deferred_only: bool = False,
) -> Sequence[RecipientRow]:
    """The plan's recipients by id, `limit` of them after `after`, each with what became of it.

    Who waits is deferred until `frequency` has passed since the last marketing text.
    """
    of_them = (ONLY_EXCLUDED if excluded_only else "") + (ONLY_DEFERRED if deferred_only else "")
    values = {"campaign_id": campaign_id, "frequency": frequency, "after": after, "limit": limit}
    rows = session.execute(text(RECIPIENTS.format(of_them=of_them)), values).mappings()
    return [RecipientRow(**row) for row in rows]
