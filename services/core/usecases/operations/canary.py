"""Canaries: a task through every queue, and a signed webhook through our own public address and back.

They show what no depth or age shows: that each pool works now, and that the way in from outside is open.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog

from services.core.domain.health import Part, PartName, seconds
from services.core.domain.inbox import InboxStatus
from services.core.openphone.own_events import LoopBroken, certificate_until, post_probe
from services.core.queue.names import CANARIES, TaskName, pool_of
from services.core.storage import canaries, clock
from services.core.storage.database import Session
from services.core.usecases.context import Context

log = structlog.get_logger()

RETURNED_WITHIN = timedelta(minutes=2)
SENT_WITHIN = timedelta(minutes=40)
CERTIFICATE_RENEWED = timedelta(days=14)
TAKEN = "taken"


def send_canaries(context: Context, run_id: int) -> dict[str, object]:
    """Send one canary into each queue and one through the webhook's path; the health check looks for them later.

    A queue in which an earlier one still waits gets no other: it would tell nothing more. Raises `BrokerUnavailable`.
    """
    for name in CANARIES.values():
        earlier = context.broker.queued(name, lost_after=RETURNED_WITHIN)
        if earlier.is_whole and not earlier.tasks:
            context.broker.enqueue(name, [])
    until = certificate_until(context.settings.ingress_url)
    return {
        "queues": len(CANARIES),
        "loop": _send_webhook(context, run_id),
        "certificate_until": until.isoformat() if until else None,
    }


def canary_parts(session: Session, at: datetime) -> Iterator[Part]:
    """The health report's lines about the latest canaries that had their time to come back."""
    sent = canaries.last_sent(session, TaskName.SEND_CANARIES, before=RETURNED_WITHIN)
    if sent is None:
        yield Part(PartName.CANARIES, well=True, found="none has had its time to return yet")
        return
    yield _sending(session, sent, at)
    for queue, name in CANARIES.items():
        returned_at = canaries.returned_at(session, name)
        well = returned_at is not None and returned_at >= sent.at
        age = at - returned_at if returned_at else None
        found = f"returned {seconds(age)} ago" if age is not None else "none has ever returned"
        remedy = f"look at the {pool_of(queue).name} workers: attackacrack workers, attackacrack queues"
        yield Part(f"canary {queue}", well, found, "" if well else remedy, age)
    if sent.loop:
        yield _loop(session, sent, at)
    left = canaries.certificate_left(session, TaskName.SEND_CANARIES)
    if left is not None:
        well = left >= CERTIFICATE_RENEWED
        remedy = "renew the public address's certificate: the provider's deliveries fail once it is over"
        found = f"holds for {left.days} days" if left > timedelta(0) else "has ended"
        yield Part(PartName.CERTIFICATE, well, found, "" if well else remedy)


def _sending(session: Session, sent: canaries.Sent, at: datetime) -> Part:
    """Well while canaries are sent at all; after a jump of product time the run that is due now counts."""
    age = at - sent.at
    well = age <= SENT_WITHIN or canaries.is_planned(session, TaskName.SEND_CANARIES, within=SENT_WITHIN)
    remedy = "nobody sends them any more: attackacrack schedule list, attackacrack workers"
    return Part(PartName.CANARIES, well, f"sent {seconds(age)} ago", "" if well else remedy, age)


def _loop(session: Session, sent: canaries.Sent, at: datetime) -> Part:
    age = at - sent.at
    status = canaries.delivery_status(session, f"standard:{_delivery_id(sent.run_id)}")
    if status is None:
        remedy = "the public path is broken: look at the ingress, its address, and the webhook secrets on both sides"
        return Part(PartName.WEBHOOK_LOOP, well=False, found=f"not stored: {sent.loop}", remedy=remedy, age=age)
    well = status != InboxStatus.NEW
    remedy = "it was stored and not handled: look at the webhook workers"
    return Part(PartName.WEBHOOK_LOOP, well, f"stored and {status}", "" if well else remedy, age)


def _send_webhook(context: Context, run_id: int) -> str:
    """What became of the webhook; empty where no public address or no secret is set."""
    settings = context.settings
    if not settings.ingress_url or not settings.webhook_secrets_standard:
        return ""
    with context.database.reading() as session:
        at = clock.product_now(session)
    try:
        post_probe(
            settings.ingress_url,
            secret=settings.webhook_secrets_standard[0].get_secret_value(),
            delivery_id=_delivery_id(run_id),
            at=at,
        )
    except LoopBroken as error:
        log.error("canary.loop_broken", reason=str(error))
        return str(error)
    return TAKEN


def _delivery_id(run_id: int) -> str:
    return f"canary_{run_id}"
