"""Where deliveries, failures and dead letters are written; who stores them is told once per process."""

import os
from collections.abc import Callable
from typing import Protocol


class TaskJournal(Protocol):
    """Each call commits, and none depends on the broker: a dead letter survives an outage because it is a row.

    Whatever a call is given can be stored, NUL and half characters too: one that raises is an outage, never the data.
    """

    def started(self, *, task_id: str, name: str, args: list[object], traceparent: str | None) -> int:
        """How often this task id has been delivered, this time included; counted before the work."""
        ...

    def succeeded(self, *, task_id: str, seconds: float) -> None: ...

    def failed(self, *, task_id: str, seconds: float, error: str, will_retry: bool) -> None: ...

    def gave_up(
        self,
        *,
        task_id: str,
        name: str,
        args: list[object],
        reason: str,
        error: str,
        attempts: int,
        traceparent: str | None,
        seconds: float | None = None,
    ) -> None:
        """Write the dead letter; `attempts` is how often the work began, `seconds` how long the last try took."""
        ...


class JournalMissing(RuntimeError):
    """A worker was started without `install_journal`."""


_factory: Callable[[], TaskJournal] | None = None
# By process id and never dropped: a forked child that freed its parent's journal would close the parent's connection.
_journals: dict[int, TaskJournal] = {}


def install_journal(journal_factory: Callable[[], TaskJournal]) -> None:
    """Say how a journal is made; each process makes its own at its first use, so connections are never shared."""
    global _factory  # noqa: PLW0603
    _factory = journal_factory
    _journals.clear()


def is_installed() -> bool:
    return _factory is not None


def journal() -> TaskJournal:
    """This process's journal. Raises `JournalMissing`, or what the factory raises."""
    if _factory is None:
        raise JournalMissing("install_journal() was not called")
    if os.getpid() not in _journals:
        _journals[os.getpid()] = _factory()
    return _journals[os.getpid()]
