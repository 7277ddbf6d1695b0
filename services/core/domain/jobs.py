"""The life of a job at a customer's house, as far as texts follow from it.

A job is complete when its calendar end has passed and its invoice is paid. Completion brings one follow-up; a week
later comes one reminder, unless a review is recorded. A job that is cancelled or opened again takes back what waits,
and when it completes again, nobody is texted a second time who was texted already.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.core.domain.messages import MessageStatus

REMIND_AFTER = timedelta(days=7)


class JobState(StrEnum):
    OPEN = "open"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Withdrawal(StrEnum):
    """Why a text that waits is not sent after all."""

    JOB_CANCELLED = "job_cancelled"
    JOB_REOPENED = "job_reopened"
    REVIEW_RECORDED = "review_recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """What is known of a job. `follow_up` and `reminder` are the states of its texts, `None` where there is none."""

    calendar_end: datetime | None
    invoice_paid_at: datetime | None
    review_at: datetime | None
    cancelled_at: datetime | None
    completed_at: datetime | None
    follow_up: MessageStatus | None
    reminder: MessageStatus | None


@dataclass(frozen=True, slots=True)
class WriteText:
    """The text is due: put it into the outbox."""


@dataclass(frozen=True, slots=True)
class WithdrawText:
    """The text waits and is not to be sent; the job then has none, so that a later completion can write one."""

    reason: Withdrawal


@dataclass(frozen=True, slots=True)
class LeaveText:
    """Nothing is to be done: there is no text yet, or it has gone its way."""


TextStep = WriteText | WithdrawText | LeaveText


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSteps:
    """What follows from the facts: since when the job counts as completed, and what to do about its two texts."""

    completed_at: datetime | None
    follow_up: TextStep
    reminder: TextStep


def is_complete(facts: JobFacts, at: datetime) -> bool:
    """Whether the house is done and paid at `at`, and the job still stands."""
    return (
        facts.cancelled_at is None
        and facts.calendar_end is not None
        and facts.calendar_end <= at
        and facts.invoice_paid_at is not None
        and facts.invoice_paid_at <= at
    )


def decide_job(facts: JobFacts, at: datetime) -> JobSteps:
    """Decide about a job at product time `at`; deciding again right after changes nothing."""
    if not is_complete(facts, at):
        reason = Withdrawal.JOB_CANCELLED if facts.cancelled_at is not None else Withdrawal.JOB_REOPENED
        return JobSteps(
            completed_at=None, follow_up=_withdraw(facts.follow_up, reason), reminder=_withdraw(facts.reminder, reason)
        )
    completed_at = facts.completed_at or at
    return JobSteps(
        completed_at=completed_at,
        follow_up=WriteText() if facts.follow_up is None else LeaveText(),
        reminder=_remind(facts, completed_at, at),
    )


def state_of(*, completed_at: datetime | None, cancelled_at: datetime | None) -> JobState:
    if cancelled_at is not None:
        return JobState.CANCELLED
    return JobState.OPEN if completed_at is None else JobState.COMPLETED


def _remind(facts: JobFacts, completed_at: datetime, at: datetime) -> TextStep:
    if facts.review_at is not None:
        return _withdraw(facts.reminder, Withdrawal.REVIEW_RECORDED)
    is_due = at >= completed_at + REMIND_AFTER
    return WriteText() if is_due and facts.reminder is None else LeaveText()


def _withdraw(text: MessageStatus | None, reason: Withdrawal) -> TextStep:
    """Only what waits can be taken back; what was begun goes its way."""
    return WithdrawText(reason) if text is MessageStatus.PENDING else LeaveText()
