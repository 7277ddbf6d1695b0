"""Before a process sends: make sure that the database remembers all that was sent. Rule: reliability design, I21.

Each process asks the witness in Redis, once for each run of the server and each connection. For each run of the server
one of them also asks the provider, whose list nobody can put back with a disk: what people wrote meanwhile is stored,
STOPs first, and a text that left and still waits here ends all sending. What was found out holds until the run is
another; the row that every submission reads says which it is, so a text costs the database nothing more.
"""

from datetime import timedelta
from time import monotonic, sleep

import structlog

from services.core.domain.failures import may_heal
from services.core.domain.lineage import Standing, doubt, is_current
from services.core.domain.reconciliation import LISTED_BEFORE
from services.core.openphone.errors import ProviderError, refusal_of_read
from services.core.queue.witness import WitnessUnavailable
from services.core.storage import clock, installation, lineage
from services.core.storage.database import Session
from services.core.usecases.context import Context
from services.core.usecases.messages.record_outcome import BREAKER_OPEN_FOR
from services.core.usecases.operations.suspicion import Forgotten, cast_doubt, compare
from services.core.usecases.webhooks.audit_gaps import catch_up

log = structlog.get_logger()

READ_FOR = timedelta(seconds=10)
"""How long a task reads the provider's list; what it read is kept, and the next one goes on there."""

STEP = timedelta(minutes=2)
LEASE = timedelta(seconds=40)
WAIT = timedelta(seconds=10)
LOOK_EVERY = timedelta(milliseconds=250)


def vouch(context: Context) -> bool:
    """Find out whether this process may send; false when that can't be known just now, to be asked again later.

    True as well for a database that has forgotten something: the gate says so for each of its messages. What never
    heals by itself is said: a provider that refuses us opens the breaker, anything else is raised.
    """
    if context.vouched is not None:
        return True
    ends_at = monotonic() + WAIT.total_seconds()
    try:
        while (known := _ask(context)) is None and monotonic() < ends_at:
            sleep(LOOK_EVERY.total_seconds())
    except Exception as error:
        if isinstance(error, ProviderError) and not may_heal(error):
            _say_refused(context, error)
        elif not may_heal(error):
            raise
        log.warning("database.unchecked", reason=type(error).__name__)
        return False
    return bool(known)


def is_vouched(context: Context, session: Session, database: str) -> bool:
    """Whether what this process found out holds for `database`, the run that the session's transaction has read.

    On a new connection the witness is asked again: it may lead to another server.
    """
    holds = context.vouched is not None and context.vouched.key == database
    if holds and (lineage.is_compared(session) or _is_confirmed(context, session)):
        return True
    context.vouched = None
    return False


def attest(context: Context, attempt_id: int) -> bool:
    """Tell the witness of an attempt that is committed and has not left; false when it must not leave.

    A witness that can't be reached hears of it with the next one.
    """
    vouched = context.vouched
    if vouched is None:
        return False
    try:
        is_ours = context.witness.attest(vouched.incarnations, attempt_id)
    except WitnessUnavailable as error:
        log.warning("witness.unavailable", reason=str(error))
        return True
    if not is_ours:
        context.vouched = None
    return is_ours


def _ask(context: Context) -> bool | None:
    """One round: true when it is known, false when it can't be yet, None while another process asks the provider."""
    standing, witnessed, reason = compare(context)
    if standing.is_rewound:
        return True
    if reason is not None:
        cast_doubt(context, reason)
        return True
    if not standing.is_checked or (standing.epoch > 0 and not is_current(standing, witnessed)):
        with context.database.transaction() as session:
            if installation.is_refused(session):
                return False  # the provider said so a moment ago
            if not lineage.take_check(session, lease=LEASE):
                return None
        try:
            if not _read_the_list(context, standing):
                return False
        except Forgotten as forgotten:
            cast_doubt(context, str(forgotten))
            return True
        finally:
            with context.database.transaction() as session:
                lineage.end_check(session)
    if not context.witness.attest(standing.incarnations, standing.epoch):
        return None  # another life was adopted just now: the next round knows it
    context.vouched = standing
    return True


def _say_refused(context: Context, error: ProviderError) -> None:
    """As for a text that is refused: health says why nothing leaves, and it is tried again when the breaker closes."""
    reason = refusal_of_read(error)
    with context.database.transaction() as session:
        until = clock.product_now(session) + BREAKER_OPEN_FOR
        installation.open_breaker(session, until=until, reason=reason)
    log.error("provider.account_refused", reason=reason)


def _read_the_list(context: Context, standing: Standing) -> bool:
    """Take over what the provider lists up to now; whether that was all. Raises `Forgotten`."""
    found = {"listed": 0, "backfilled": 0, "receipts": 0}
    is_complete = catch_up(
        context, found, budget=READ_FOR.total_seconds(), overlap=LISTED_BEFORE, step=STEP, on_its_way=None
    )
    log.info("database.compared", complete=is_complete, **found)
    if is_complete:
        with context.database.transaction() as session:
            lineage.passed(session, standing, place=context.settings.place)
    return is_complete


def _is_confirmed(context: Context, session: Session) -> bool:
    """Whether the witness knows no more than the database at the end of a connection that is new."""
    try:
        witnessed = context.witness.read()
    except WitnessUnavailable:
        return False
    standing = lineage.standing(session)
    if doubt(standing, witnessed, place=context.settings.place) is not None:
        return False
    lineage.note_compared(session)
    return True
