"""Ask what lies outside the database whether it has forgotten anything, and keep the answer in mind."""

from collections.abc import Sequence

import structlog

from services.core.domain.lineage import Standing, Witnessed, doubt
from services.core.domain.messages import Direction
from services.core.domain.reconciliation import CREATED_WITHIN, LISTED_BEFORE, ListedMessage, comparable
from services.core.queue.witness import WitnessUnavailable
from services.core.storage import attempts, audit, lineage, outbox
from services.core.storage.database import Session
from services.core.storage.models import Message
from services.core.usecases.context import Context

log = structlog.get_logger()

RESTORED = "it was restored from a dump, cloned, or moved to another server"


class Forgotten(Exception):
    """The provider has a text that waits here to be sent; the text says which, without a number."""


def compare(context: Context) -> tuple[Standing, Witnessed | None, str | None]:
    """The database's own word, the witness's, and the reason to doubt the first, if there is one.

    Raises `WitnessUnavailable`.
    """
    witnessed = context.witness.read()  # before the database: what it has heard of was committed then
    with context.database.reading() as session:
        standing = lineage.standing(session)
    return standing, witnessed, doubt(standing, witnessed, place=context.settings.place)


def suspicion(context: Context) -> str | None:
    """Why the database must be taken for one that has forgotten something; None without a witness that speaks."""
    try:
        _, _, reason = compare(context)
    except WitnessUnavailable:
        return None
    return reason


def cast_doubt(context: Context, reason: str) -> None:
    """Let nothing be sent until a person has recovered and adopted."""
    log.error("installation.rewound", reason=reason, remedy="attackacrack sending recover, then adopt")
    with context.database.transaction() as session:
        lineage.cast_doubt(session, reason)
        audit.record(session, actor="system", act="database.doubted", subject="installation", detail={"reason": reason})


def check_listed(session: Session, listed: Sequence[ListedMessage], *, number: str) -> None:
    """Raise `Forgotten` when one of our texts that the provider lists still waits here as if it had never left."""
    ours = [
        entry
        for entry in listed
        if entry.direction is Direction.OUTGOING and entry.sender == number and len(entry.recipients) == 1
    ]
    known = attempts.bound_ids(session, [entry.message_id for entry in ours])
    unknown = [entry for entry in ours if entry.message_id not in known]
    waiting: dict[str, list[Message]] = {}
    for message in outbox.pending_to(session, {entry.recipients[0] for entry in unknown}, sender=number):
        waiting.setdefault(message.e164, []).append(message)
    for entry in unknown:
        for message in waiting.get(entry.recipients[0], ()):
            if comparable(message.body or "") == comparable(entry.text) and not _explained(session, message, entry):
                raise Forgotten(
                    f"the provider has had message {message.id} since {entry.created_at:%Y-%m-%d %H:%M} UTC"
                )


def _explained(session: Session, message: Message, entry: ListedMessage) -> bool:
    """Whether an attempt that is on record may have made the entry: then a person or a look has judged it."""
    return any(
        attempt.started_at - LISTED_BEFORE <= entry.created_at <= attempt.started_at + CREATED_WITHIN
        for attempt in attempts.of_message(session, message.id)
    )
