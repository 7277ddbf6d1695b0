"""Follow completed jobs up: a thank-you on the next business day, a reminder a week later unless there is a review."""

from collections.abc import Mapping
from datetime import datetime, time
from zoneinfo import ZoneInfo

import structlog

from services.core.domain.jobs import (
    REMIND_AFTER,
    JobFacts,
    JobSteps,
    WithdrawText,
    WriteText,
    decide_job,
)
from services.core.domain.messages import MessageStatus
from services.core.domain.sending_window import next_business_day
from services.core.domain.templates import Rendered, TemplateInvalid, TextTooLong, parse_template, render
from services.core.storage import attempts, clock, jobs, outbox
from services.core.storage.database import Session
from services.core.storage.models import Contact, Job, Message
from services.core.storage.outbox.life import skip
from services.core.usecases.context import Context
from services.core.usecases.messages.queue_text import queue_text

log = structlog.get_logger()

JOBS_AT_ONCE = 500
FOLLOW_UP_AT = time(10, 0)
JOB_FIELDS = frozenset({"job_type"})


class TextUnwritable(Exception):
    """The text of this job cannot be made: its template is wrong, lacks a field, or the text is too long."""


def complete_jobs(context: Context) -> dict[str, int]:
    """Write the texts that are due; each job in a transaction of its own, so that a repeat writes none twice.

    A job whose text cannot be made is counted as failed and keeps none of the others waiting.
    """
    with context.database.reading() as session:
        waiting = jobs.due(session, remind_after=REMIND_AFTER, limit=JOBS_AT_ONCE)
    found = {"completed": 0, "reminded": 0, "failed": 0}
    for job_id in waiting:
        try:
            with context.database.transaction() as session:
                steps = _settle(context, session, job_id)
        except TextUnwritable as error:
            log.error("job.text_unwritable", job_id=job_id, error=str(error))
            found["failed"] += 1
        else:
            found["completed"] += steps is not None and isinstance(steps.follow_up, WriteText)
            found["reminded"] += steps is not None and isinstance(steps.reminder, WriteText)
    return found


def withdraw_texts(session: Session, job: Job, *, at: datetime) -> JobSteps:
    """Take back what waits and is not to be sent after all; the locked job's further steps are left to the check."""
    steps = decide_job(_facts(session, job), at)
    if steps.completed_at is None:
        job.completed_at = None
    if isinstance(steps.follow_up, WithdrawText):
        _withdraw(session, job.follow_up_message_id, steps.follow_up, at=at)
        job.follow_up_message_id = None
    if isinstance(steps.reminder, WithdrawText):
        _withdraw(session, job.reminder_message_id, steps.reminder, at=at)
        job.reminder_message_id = None
    return steps


def _settle(context: Context, session: Session, job_id: int) -> JobSteps | None:
    """Carry out what follows from the job's facts; `None` while somebody else works on it."""
    job = jobs.lock(session, job_id)
    if job is None:
        return None
    at = clock.product_now(session)
    steps = withdraw_texts(session, job, at=at)
    job.completed_at = steps.completed_at
    settings = context.settings
    if isinstance(steps.follow_up, WriteText):
        template = settings.follow_up_texts.get(job.job_type, settings.follow_up_text)
        job.follow_up_message_id = _write(context, session, job, template, not_before=_next_day(context, at))
    if isinstance(steps.reminder, WriteText):
        template = settings.reminder_texts.get(job.job_type, settings.reminder_text)
        job.reminder_message_id = _write(context, session, job, template, not_before=at)
    return steps


def _facts(session: Session, job: Job) -> JobFacts:
    return JobFacts(
        calendar_end=job.calendar_end,
        invoice_paid_at=job.invoice_paid_at,
        review_at=job.review_at,
        cancelled_at=job.cancelled_at,
        completed_at=job.completed_at,
        follow_up=_state(session, job.follow_up_message_id),
        reminder=_state(session, job.reminder_message_id),
    )


def _state(session: Session, message_id: int | None) -> MessageStatus | None:
    message = outbox.lock(session, message_id) if message_id is not None else None
    return MessageStatus(message.status) if message is not None else None


def _withdraw(session: Session, message_id: int | None, step: WithdrawText, *, at: datetime) -> None:
    message = session.get_one(Message, message_id)
    skip(message, reason=step.reason, at=at)
    attempts.record_decision(session, message.id, outcome="skipped", gate="job", reason=step.reason)


def _write(context: Context, session: Session, job: Job, template: str, *, not_before: datetime) -> int:
    """Put a transactional text to the job's contact into the outbox; answers its id."""
    contact = session.get_one(Contact, job.contact_id)
    text = _render(template, {"first_name": contact.first_name, "city": contact.city, "job_type": job.job_type})
    return queue_text(context, session, contact, text, not_before=not_before).id


def _render(template: str, values: Mapping[str, str | None]) -> str:
    known = {name: value for name, value in values.items() if value is not None}
    try:
        rendered = render(parse_template(template, known_fields=JOB_FIELDS), known)
    except (TemplateInvalid, TextTooLong) as error:
        raise TextUnwritable(str(error)) from error
    if not isinstance(rendered, Rendered):
        raise TextUnwritable(f"nothing is known for {', '.join(rendered.names)}: give the field a fallback")
    return rendered.text


def _next_day(context: Context, at: datetime) -> datetime:
    zone = ZoneInfo(context.settings.business_zone)
    day = next_business_day(at.astimezone(zone).date(), closed_days=frozenset(context.settings.closed_days))
    return datetime.combine(day, FOLLOW_UP_AT, zone)
