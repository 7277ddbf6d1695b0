"""Task history and dead letters: rows, so that they outlive the broker."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, Text, cast, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.core.storage.models import DeadLetter, Message, TaskRun

ABOUT_MESSAGES = ("send_campaign_message", "reconcile_message")
"""Tasks whose arguments are ids of messages."""


def count_delivery(session: Session, *, task_id: str, name: str, args: list[Any], traceparent: str | None) -> int:
    """Record that a task starts; answers how often it was delivered, this time included."""
    statement = insert(TaskRun).values(task_id=task_id, name=name, args=args, deliveries=1, traceparent=traceparent)
    return session.execute(
        statement.on_conflict_do_update(
            index_elements=["task_id"],
            set_={"deliveries": TaskRun.deliveries + 1, "started_at": func.product_now()},
        ).returning(TaskRun.deliveries)
    ).scalar_one()


def finish(session: Session, *, task_id: str, outcome: str, seconds: float | None, error: str | None) -> None:
    """Record how this delivery of a task ended."""
    session.execute(
        update(TaskRun)
        .where(TaskRun.task_id == task_id)
        .values(finished_at=func.product_now(), outcome=outcome, seconds=seconds, error=error)
    )


def runs(
    session: Session,
    *,
    name: str | None = None,
    message_id: int | None = None,
    campaign_id: int | None = None,
    before: int | None = None,
    limit: int = 100,
) -> Sequence[TaskRun]:
    """Task history, newest first: all of it, or the tasks about one message or about a campaign's messages."""
    query = select(TaskRun).order_by(TaskRun.id.desc()).limit(limit)
    if name is not None:
        query = query.where(TaskRun.name == name)
    if before is not None:
        query = query.where(TaskRun.id < before)
    if message_id is not None:
        query = query.where(TaskRun.name.in_(ABOUT_MESSAGES), TaskRun.args.contains([str(message_id)]))
    if campaign_id is not None:
        its = select(cast(Message.id, Text)).where(Message.campaign_id == campaign_id, Message.direction == "outgoing")
        named = TaskRun.args.op("?|")(func.array(its.scalar_subquery(), type_=ARRAY(Text)))
        query = query.where(TaskRun.name.in_(ABOUT_MESSAGES), named)
    return session.scalars(query).all()


def add_dead_letter(
    session: Session,
    *,
    name: str,
    args: list[Any],
    reason: str,
    error: str,
    attempts: int,
    traceparent: str | None,
    task_id: str | None = None,
    inbox_id: int | None = None,
    message_id: int | None = None,
) -> int | None:
    """Put work aside for a person; once per task id. Answers the letter's id, `None` when it is there already."""
    return session.scalar(
        insert(DeadLetter)
        .values(
            task_id=task_id,
            name=name,
            args=args,
            reason=reason,
            error=error[:2000],
            attempts=attempts,
            traceparent=traceparent,
            inbox_id=inbox_id,
            message_id=message_id,
        )
        .on_conflict_do_nothing(index_elements=["task_id"])
        .returning(DeadLetter.id)
    )


def open_dead_letters(session: Session, *, after: int = 0, limit: int = 100) -> Sequence[DeadLetter]:
    """Dead letters that nobody has replayed or discarded."""
    return session.scalars(
        select(DeadLetter)
        .where(DeadLetter.replayed_at.is_(None), DeadLetter.discarded_at.is_(None), DeadLetter.id > after)
        .order_by(DeadLetter.id)
        .limit(limit)
    ).all()


def find_dead_letter(session: Session, letter_id: int) -> DeadLetter | None:
    return session.get(DeadLetter, letter_id)


def lock_dead_letter(session: Session, letter_id: int) -> DeadLetter | None:
    return session.scalar(select(DeadLetter).where(DeadLetter.id == letter_id).with_for_update())


def reopen_dead_letter(session: Session, letter_id: int) -> None:
    """Take a replay back that did not reach the broker."""
    session.execute(update(DeadLetter).where(DeadLetter.id == letter_id).values(replayed_at=None, replayed_by=None))
