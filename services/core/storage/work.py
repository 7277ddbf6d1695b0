"""Task history and dead letters: rows, so that they outlive the broker.

What failed may have failed for what it carries, so everything that is told about it is made storable first, and a row
that it names is linked only when there is one.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import and_, func, select, text, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.core.domain.storable import storable_arguments, storable_text
from services.core.storage.models import DeadLetter, InboxEvent, Message, TaskRun

ABOUT_MESSAGES = ("send_campaign_message", "reconcile_message")
"""Tasks whose arguments are ids of messages."""

# From each task to its few messages: the other way, from a campaign's messages to tasks, would be a product of both.
ABOUT_CAMPAIGN = """
EXISTS (SELECT FROM jsonb_array_elements_text(task_runs.args) AS named (id)
        JOIN messages ON messages.id = CASE WHEN named.id ~ '^[0-9]{1,18}$' THEN named.id::bigint END
        WHERE messages.campaign_id = :campaign_id)
"""

# Of each open letter of a task the last try, before which as much time has passed as now has to pass again.
FAILING = """
SELECT (letter.args->>0)::bigint FROM dead_letters AS letter
CROSS JOIN LATERAL (SELECT max(run.started_at) AS at FROM task_runs AS run
                    WHERE run.name = letter.name AND run.args = letter.args) AS tried
WHERE letter.name = :name AND letter.replayed_at IS NULL AND letter.discarded_at IS NULL
  AND letter.args->>0 ~ '^[0-9]{1,18}$'
  AND product_now() < tried.at + least(greatest(tried.at - letter.created_at, :at_least), :at_most)
"""

IS_OPEN = and_(DeadLetter.replayed_at.is_(None), DeadLetter.discarded_at.is_(None))
LONGEST_ERROR = 2000
LONGEST_NAME = 255


def count_delivery(session: Session, *, task_id: str, name: str, args: list[Any], traceparent: str | None) -> int:
    """Record that a task starts; answers how often it was delivered, this time included."""
    statement = insert(TaskRun).values(
        task_id=_name(task_id),
        name=_name(name),
        args=storable_arguments(args),
        deliveries=1,
        traceparent=traceparent and _name(traceparent),
    )
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
        .where(TaskRun.task_id == _name(task_id))
        .values(finished_at=func.product_now(), outcome=outcome, seconds=seconds, error=error and _error(error))
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
        query = query.where(TaskRun.name.in_(ABOUT_MESSAGES), text(ABOUT_CAMPAIGN).bindparams(campaign_id=campaign_id))
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
    is_brought_back: bool = False,
) -> int:
    """Put work aside for a person and answer the letter's id.

    There is one open letter for a task id, one for a task about the same event or message, and one for the same
    arguments of a task that the sweep brings back: what fails again counts as an attempt more. An id of an event or
    message that is not there is left out of the link.
    """
    same = storable_arguments(args) if is_brought_back else None
    letter = _open_about(session, name, inbox_id=inbox_id, message_id=message_id, args=same)
    if letter is not None:
        letter.attempts, letter.error = letter.attempts + max(attempts, 1), _error(error)
        return letter.id
    values = {
        "name": _name(name),
        "args": storable_arguments(args),
        "reason": reason,
        "error": _error(error),
        "attempts": attempts,
        "traceparent": traceparent and _name(traceparent),
        "inbox_id": known(InboxEvent, inbox_id),
        "message_id": known(Message, message_id),
    }
    # A letter that was closed stays so: the same trouble once more is a new one, under an id that nobody had.
    for id_ in (_name(task_id or str(uuid4())), str(uuid4())):
        letter_id: int | None = session.scalar(
            insert(DeadLetter)
            .values(task_id=id_, **values)
            .on_conflict_do_update(
                index_elements=["task_id"], set_={"attempts": DeadLetter.attempts + 1}, where=IS_OPEN
            )
            .returning(DeadLetter.id)
        )
        if letter_id is not None:
            return letter_id
    raise AssertionError("a fresh id is taken")


def known(model: type[InboxEvent | Message], id_: int | None) -> Any:
    """The id, as an expression that is null when there is no such row."""
    return select(model.id).where(model.id == id_).scalar_subquery()


def failing(session: Session, name: str, *, at_least: timedelta, at_most: timedelta) -> set[int]:
    """Ids whose task of this name has given up, and which are left alone for as long as it has failed already."""
    values = {"name": name, "at_least": at_least, "at_most": at_most}
    return set(session.scalars(text(FAILING), values))


def _open_about(
    session: Session, name: str, *, inbox_id: int | None, message_id: int | None, args: list[Any] | None
) -> DeadLetter | None:
    if inbox_id is None and message_id is None and args is None:
        return None
    return session.scalar(
        select(DeadLetter)
        .where(
            DeadLetter.name == name,
            DeadLetter.inbox_id == inbox_id,
            DeadLetter.message_id == message_id,
            DeadLetter.args == args if args is not None else true(),
            IS_OPEN,
        )
        .order_by(DeadLetter.id)
        .limit(1)
        .with_for_update()
    )


def _name(name: str) -> str:
    return storable_text(name, longest=LONGEST_NAME)


def _error(error: str) -> str:
    return storable_text(error, longest=LONGEST_ERROR)


def open_dead_letters(session: Session, *, after: int = 0, limit: int = 100) -> Sequence[DeadLetter]:
    """Dead letters that nobody has replayed or discarded."""
    return session.scalars(
        select(DeadLetter).where(IS_OPEN, DeadLetter.id > after).order_by(DeadLetter.id).limit(limit)
    ).all()


def find_dead_letter(session: Session, letter_id: int) -> DeadLetter | None:
    return session.get(DeadLetter, letter_id)


def lock_dead_letter(session: Session, letter_id: int) -> DeadLetter | None:
    return session.scalar(select(DeadLetter).where(DeadLetter.id == letter_id).with_for_update())


def reopen_dead_letter(session: Session, letter_id: int) -> None:
    """Take a replay back that did not reach the broker."""
    session.execute(update(DeadLetter).where(DeadLetter.id == letter_id).values(replayed_at=None, replayed_by=None))
