"""After the database was restored, cloned or failed over: learn from the provider what it forgot, then let a person
vouch for it. Until then the gate is shut. Rule: reliability design, I21.

The gap audit's cursor came back with the rows, so the provider's list is read from there: what people wrote is stored,
opt-outs included; a text that left and still waits here becomes sent; one of which nothing is known here becomes a row.
"""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from services.core.domain.failures import Conflict
from services.core.domain.lineage import Witnessed
from services.core.domain.messages import Direction, MessageKind, MessageStatus
from services.core.domain.reconciliation import ListedMessage, comparable
from services.core.runtime import failpoints
from services.core.storage import attempts, audit, caps, clock, contacts, installation, lineage, outbox
from services.core.storage.database import Session
from services.core.storage.models import Message
from services.core.storage.outbox import life, make
from services.core.usecases.context import Context
from services.core.usecases.messages import gate
from services.core.usecases.messages.record_outcome import bind
from services.core.usecases.operations.suspicion import cast_doubt, suspicion
from services.core.usecases.required import require_text
from services.core.usecases.webhooks.audit_gaps import catch_up
from services.core.views.installation import Recovery

log = structlog.get_logger()

BEFORE = timedelta(hours=1)
"""How long before the cursor the list is read: an audit may have seen less than the provider had."""

BUDGET_SECONDS = 600.0
UNLIMITED = 2**31


def recover(context: Context, *, by: str) -> Recovery:
    """Take over what the provider lists since the gap audit's cursor; may be repeated.

    Raises `Conflict` when nothing says that the database forgot anything, or when the list is longer than ten minutes
    of reading (what was read is kept: do it again); a `ProviderError` when it can't be read.
    """
    _begin(context, by=by)
    found = {"listed": 0, "backfilled": 0, "receipts": 0, "bound": 0, "recorded": 0}

    def take(session: Session, listed: Sequence[ListedMessage]) -> None:
        _take_over(context, session, listed, found)

    if not catch_up(context, found, budget=BUDGET_SECONDS, overlap=BEFORE, on_its_way=None, also=take):
        raise Conflict("recovery_unfinished", "the provider's list is long; what was read is kept: recover again")
    log.warning("database.recovered", **found)
    return Recovery(
        listed=found["listed"],
        received=found["backfilled"],
        bound=found["bound"],
        recorded=found["recorded"],
        adopted=False,
    )


def adopt(context: Context, *, reason: str, by: str) -> Recovery:
    """Recover once more, then vouch for this database: what is due is sent from now on.

    A stop of sending stays. Raises what `recover` raises, and `RefusedInput` without a reason.
    """
    require_text("reason", reason, "say why this database is the right one: others will ask")
    found = recover(context, by=by)
    with context.database.transaction() as session:
        before, now = lineage.standing(session), lineage.begin_life(session)
    failpoints.reach("life_begun")
    # The witness hears only of a life that is committed, and while the gate is still shut: whatever is cut off between
    # leaves a database that another adoption opens, and nobody else's word about it.
    context.witness.replace(Witnessed(now.incarnations[-1], now.epoch))
    failpoints.reach("life_witnessed")
    with context.database.transaction() as session:
        # The reason of the doubt goes; an attempt under the doubted life's name is refused from here on.
        lineage.adopt(session, place=context.settings.place)
        detail = {
            "reason": reason,
            "from": before.incarnations[-1],
            "to": now.incarnations[-1],
            "bound": found.bound,
            "recorded": found.recorded,
        }
        audit.record(session, actor=by, act="database.adopted", subject="installation", detail=detail)
        failpoints.reach("adopting")
    return found.model_copy(update={"adopted": True})


def _begin(context: Context, *, by: str) -> None:
    with context.database.reading() as session:
        is_known = installation.read(session).is_rewound
    if not is_known and (reason := suspicion(context)) is not None:
        cast_doubt(context, reason)
    with context.database.transaction() as session:
        if not installation.read(session).is_rewound:
            raise Conflict(
                "nothing_to_adopt", "this database is the one that was adopted: it was not restored or moved"
            )
        audit.record(session, actor=by, act="database.recovery_begun", subject="installation")


def _take_over(context: Context, session: Session, listed: Sequence[ListedMessage], found: dict[str, int]) -> None:
    """Give every text of the list that left us its row, oldest first."""
    number = context.settings.provider_phone_number
    ours = [
        entry
        for entry in listed
        if entry.direction is Direction.OUTGOING and entry.sender == number and len(entry.recipients) == 1
    ]
    known = attempts.bound_ids(session, [entry.message_id for entry in ours])
    for entry in sorted(ours, key=lambda entry: (entry.created_at, entry.message_id)):
        if entry.message_id not in known:
            found[_take(context, session, entry)] += 1


def _take(context: Context, session: Session, entry: ListedMessage) -> str:
    contact = contacts.lock_by_number(session, entry.recipients[0])
    waiting = outbox.unsent_to(session, sender=entry.sender, contact_id=contact.id)
    message = next((each for each in waiting if comparable(each.body or "") == comparable(entry.text)), None)
    if message is None:
        message = make.found_at_provider(
            session,
            contact,
            entry.text,
            sender=entry.sender,
            sender_phone_number_id=entry.phone_number_id or context.settings.provider_phone_number_id,
            conversation_id=entry.conversation_id,
            provider_message_id=entry.message_id,
            submitted_at=entry.created_at,
        )
        _count(context, session, message, entry)
        return "recorded"
    if message.status == MessageStatus.PENDING:
        _count(context, session, message, entry)
    _bind(session, message, entry)
    return "bound"


def _bind(session: Session, message: Message, entry: ListedMessage) -> None:
    """The text that waits, or is in doubt, is the one that the provider has."""
    at = clock.product_now(session)
    if message.status == MessageStatus.PENDING:
        attempt = life.begun_before(session, message, started_at=entry.created_at, at=at)
    else:
        attempt = attempts.latest(session, message.id)
    bind(session, message, attempt, entry.message_id, entry.conversation_id, at=at)
    session.flush()


def _count(context: Context, session: Session, message: Message, entry: ListedMessage) -> None:
    """Count it against the day on which it left, whatever the limit is."""
    day = gate.cap_day(context, entry.created_at)
    if message.kind == MessageKind.MARKETING:
        caps.take(session, gate.number_scope(message), day, limit=UNLIMITED)
    caps.take(session, gate.ACCOUNT, day, limit=UNLIMITED)
