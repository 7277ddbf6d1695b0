"""Follow completed jobs up: a thank-you on the next business day, a reminder a week later unless there is a review.

A job is complete when its calendar end has passed and its invoice is paid.
"""

from datetime import datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from services.core.domain.messages import Direction, MessageKind, MessageStatus
from services.core.domain.segments import count_segments
from services.core.domain.sending_window import next_business_day
from services.core.domain.templates import Rendered, parse_template, render
from services.core.storage import clock, jobs
from services.core.storage.database import Session
from services.core.storage.models import Contact, Job, Message
from services.core.usecases.context import Context

JOBS_AT_ONCE = 500
FOLLOW_UP_AT = time(10, 0)
REMIND_AFTER = timedelta(days=7)


def complete_jobs(context: Context) -> dict[str, int]:
    """Write the texts that are due; each job in the transaction that marks it, so that a repeat writes none twice."""
    with context.database.transaction() as session:
        at = clock.product_now(session)
        completed = jobs.newly_complete(session, limit=JOBS_AT_ONCE)
        for job in completed:
            job.completed_at = at
            follow_up = _text(context, session, job, context.settings.follow_up_text, not_before=_next_day(context, at))
            job.follow_up_message_id = follow_up
        reminded = jobs.due_reminders(session, after=REMIND_AFTER, limit=JOBS_AT_ONCE)
        for job in reminded:
            job.reminder_message_id = _text(context, session, job, context.settings.reminder_text, not_before=at)
    return {"completed": len(completed), "reminded": len(reminded)}


def _next_day(context: Context, at: datetime) -> datetime:
    zone = ZoneInfo(context.settings.business_zone)
    day = next_business_day(at.astimezone(zone).date(), closed_days=frozenset(context.settings.closed_days))
    return datetime.combine(day, FOLLOW_UP_AT, zone)


def _text(context: Context, session: Session, job: Job, template: str, *, not_before: datetime) -> int:
    """Put a transactional text to the job's contact into the outbox; answers its id."""
    contact = session.get_one(Contact, job.contact_id)
    values = {"first_name": contact.first_name or "", "city": contact.city or "", "job_type": job.job_type}
    rendered = render(parse_template(template, known_fields=frozenset({"job_type"})), values)
    if not isinstance(rendered, Rendered):
        raise TypeError("the follow-up texts have a fallback for every field; settings check that")
    message = Message(
        direction=Direction.OUTGOING,
        kind=MessageKind.TRANSACTIONAL,
        contact_id=contact.id,
        e164=contact.e164,
        sender=context.settings.provider_phone_number,
        sender_phone_number_id=context.settings.provider_phone_number_id,
        body=rendered.text,
        body_hash=sha256(rendered.text.encode()).digest(),
        segments=count_segments(rendered.text).segments,
        status=MessageStatus.PENDING,
        not_before=not_before,
    )
    session.add(message)
    session.flush()
    return message.id
