"""The switch for everything that is sent: stop it, resume it, see it."""

from services.core.storage import audit, clock, installation, today
from services.core.usecases.context import Context
from services.core.usecases.operations.suspicion import RESTORED, suspicion
from services.core.usecases.required import require_text
from services.core.views.installation import Sending


def stop_sending(context: Context, *, reason: str, by: str) -> Sending:
    """Let nothing more be submitted, from the next submission on, until somebody resumes."""
    require_text("reason", reason, "say why sending stops: others will ask")
    with context.database.transaction() as session:
        installation.stop_sending(session, at=clock.product_now(session), by=by, reason=reason)
        audit.record(session, actor=by, act="sending.stopped", subject="installation", detail={"reason": reason})
    return sending_state(context)


def resume_sending(context: Context, *, by: str) -> Sending:
    """Send again; also closes a breaker that the provider's refusal opened."""
    with context.database.transaction() as session:
        installation.resume_sending(session)
        audit.record(session, actor=by, act="sending.resumed", subject="installation")
    return sending_state(context)


def sending_state(context: Context) -> Sending:
    """The switches as they are now; a database that was put back is known as one before anything was to be sent."""
    suspected = suspicion(context)
    with context.database.reading() as session:
        row = installation.read(session)
        stopped_at = row.sending_stopped_at
        because = (row.doubt or RESTORED) if row.is_rewound else suspected
        return Sending(
            rewound=because is not None,
            stopped_at=stopped_at,
            stopped_by=row.sending_stopped_by,
            reason=row.sending_stop_reason,
            breaker_open_until=row.breaker_open_until,
            breaker_reason=row.breaker_reason,
            rewound_because=because,
            last_text_at=today.last_submitted_at(session),
            texts_since_stop=sum(today.submitted(session, since=stopped_at).values()) if stopped_at else None,
        )
