import os
from collections.abc import Iterator
from typing import Any

import pytest
from kombu.exceptions import OperationalError as KombuOperationalError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from services.core.queue import journal as journals
from services.core.queue.enqueue import BrokerUnavailable
from services.core.queue.journal import JournalMissing, install_journal, journal
from services.core.queue.names import TaskName
from services.core.queue.task import ids_of, is_retryable, task
from services.core.queue.throttle import ThrottleUnavailable


class Decided(Exception):
    def __init__(self, *, retryable: bool) -> None:
        self.retryable = retryable


class OperationalError(Exception):
    """As a database driver names it."""


class Deadlock(OperationalError):
    pass


class DecidedConnectionError(ConnectionError):
    retryable = False


class TestIsRetryable:
    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (Decided(retryable=True), True),
            (Decided(retryable=False), False),
            (DecidedConnectionError(), False),
            (ConnectionRefusedError(), True),
            (TimeoutError(), True),
            (KombuOperationalError(), True),
            (RedisConnectionError(), True),
            (ResponseError(), False),
            (Deadlock(), True),
            (BrokerUnavailable(), True),
            (ThrottleUnavailable(), True),
            (ValueError(), False),
            (OSError(), False),
            (MemoryError(), False),
        ],
    )
    def test_the_exception_decides_first(self, error: Exception, expected: bool) -> None:
        assert is_retryable(error) is expected


class TestIdsOf:
    @pytest.mark.parametrize(
        ("args", "expected"), [([], []), ([[]], []), ([["a"]], ["a"]), ((["a", "b"],), ["a", "b"])]
    )
    def test_one_list_of_texts_or_nothing(self, args: list[Any], expected: list[str]) -> None:
        assert ids_of(args, {}) == expected

    @pytest.mark.parametrize(
        ("args", "kwargs"),
        [(["a"], {}), ([1], {}), ([["a", 1]], {}), ([["a"], ["b"]], {}), ([{}], {}), ([None], {}), ([["a"]], {"b": 1})],
    )
    def test_anything_else_is_refused(self, args: list[Any], kwargs: dict[str, Any]) -> None:
        with pytest.raises(TypeError, match="one list of ids"):
            ids_of(args, kwargs)


def test_an_entry_point_stays_a_plain_function() -> None:
    def entry_point(message_ids: list[str]) -> int:
        return len(message_ids)

    assert task(TaskName.RECONCILE_MESSAGE)(entry_point) is entry_point
    assert entry_point(["a"]) == 1


class TestJournal:
    @pytest.fixture(autouse=True)
    def _nothing_installed(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(journals, "_factory", None)
        yield
        journals._journals.clear()

    def test_without_one_nothing_runs(self) -> None:
        with pytest.raises(JournalMissing):
            journal()

    def test_each_process_makes_its_own_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made: list[Any] = []

        def factory() -> Any:
            made.append(object())
            return made[-1]

        install_journal(factory)
        assert journal() is journal()
        monkeypatch.setattr(os, "getpid", lambda: -1)
        assert journal() is made[1]
        assert len(made) == 2
