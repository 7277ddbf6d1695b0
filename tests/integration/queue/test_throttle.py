import os
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from services.core.queue.throttle import GUARD, HORIZON, Busy, Slot, Throttle, ThrottleUnavailable
from services.core.queue.throttle_scripts import RESERVE
from tests.conftest import ValkeyProcess

ROOT = Path(__file__).parents[3]
LONG = timedelta(seconds=10)
SECOND = 1_000_000


@pytest.fixture
def throttle(valkey_server: ValkeyProcess) -> Iterator[Throttle]:
    opened = Throttle(valkey_server.url, rate=50, read_share=0.2, name="test")
    yield opened
    opened.close()


def begin(client: Redis, throttle: Throttle, *, name: str = "test") -> None:
    """Let the full start of a missing state be over."""
    throttle.reserve("send", max_wait=timedelta(0))
    client.hset(f"throttle:{name}", "next", "0")


@dataclass(slots=True)
class Oracle:
    """The limiter in plain Python, given the server's time; its state is what the script keeps in Redis."""

    period: float
    guard: float
    share: float
    horizon: float
    next_slot: float | None = None
    next_read: float = 0
    given: list[tuple[float, float]] = field(default_factory=list)

    def reserve(self, now: float, *, is_read: bool, max_wait: float, tolerance: float) -> tuple[bool, float]:
        spacing = self.period * (1 + self.guard / SECOND)
        extra = max(0, tolerance - self.guard)
        if self.next_slot is None:
            self.next_slot = round(now + self.horizon + spacing)
        slot = max(now, self.next_slot)
        longest = min(max_wait, self.horizon - extra)
        if slot - now > longest:
            return False, slot - now - longest
        if is_read and self.next_read > slot:
            return False, self.next_read - slot
        self.next_slot = round(slot + spacing + extra)
        if is_read:
            self.next_read = round(slot + spacing / self.share)
        self.given.append((slot, slot + tolerance))
        return True, slot - now


REQUESTS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0, SECOND, 10 * SECOND]), st.sampled_from([5_000, 5_000, 5_000, 80_000])),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rate=st.sampled_from([20, 100, 700]), requests=REQUESTS, begun_before=st.booleans())
def test_the_script_agrees_with_the_oracle(
    rate: int, requests: list[tuple[bool, int, int]], begun_before: bool, redis_client: Redis
) -> None:
    oracle = Oracle(period=SECOND / rate, guard=5_000, share=0.2, horizon=3 * SECOND)
    redis_client.delete("oracle")
    if begun_before:
        script_reserve(redis_client, oracle, is_read=False, max_wait=0, tolerance=5_000)
        redis_client.hset("oracle", "next", "0")
        oracle.next_slot, oracle.next_read = 0, 0
    for is_read, max_wait, tolerance in requests:
        granted, wait, now = script_reserve(
            redis_client, oracle, is_read=is_read, max_wait=max_wait, tolerance=tolerance
        )
        expected = oracle.reserve(now, is_read=is_read, max_wait=max_wait, tolerance=tolerance)
        assert granted == expected[0]
        assert wait == pytest.approx(expected[1], abs=2)
    # The latest use of one slot and the earliest use of the one a rate further lie a second apart.
    for (_, closes), (opens, _) in zip(oracle.given, oracle.given[rate:], strict=False):
        assert opens - closes >= SECOND - rate


def script_reserve(
    client: Redis, oracle: Oracle, *, is_read: bool, max_wait: int, tolerance: int
) -> tuple[bool, float, float]:
    durations = (oracle.period, oracle.guard, tolerance, oracle.share, oracle.horizon, max_wait)
    answer: Any = client.eval(RESERVE, 1, "oracle", *map(str, durations), "read" if is_read else "send")
    return bool(answer[0]), float(answer[1]), float(answer[2])


def run_senders(url: str, folder: Path, *, kinds: list[str], rate: float, slots: int) -> list[subprocess.Popen[bytes]]:
    script = str(Path(__file__).with_name("throttle_process.py"))
    return [
        subprocess.Popen(
            [sys.executable, script, url, str(rate), kind, str(slots), str(folder / f"{number}.{kind}")],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for number, kind in enumerate(kinds)
    ]


def used_by(folder: Path, kind: str) -> list[float]:
    return [float(instant) for path in folder.glob(f"*.{kind}") for instant in path.read_text().split()]


def most_in_a_second(instants: list[float]) -> int:
    ordered = sorted(instants)
    return max((bisect_left(ordered, begin + 1) - index for index, begin in enumerate(ordered)), default=0)


def usable(answers: Iterable[Slot | Busy]) -> list[float]:
    """When the slots open that can be met: one whose reservation took longer than the guard is over before it opens."""
    return [each.opens_at for each in answers if isinstance(each, Slot) and each.opens_at <= each.closes_at]


@pytest.mark.processes
def test_four_processes_share_the_rate(valkey_server: ValkeyProcess, tmp_path: Path) -> None:
    rate, each = 40, 30
    with Redis.from_url(valkey_server.url) as client:
        throttle = Throttle(valkey_server.url, rate=rate, read_share=0.2, name="shared")
        begin(client, throttle, name="shared")
        throttle.close()
    senders = run_senders(valkey_server.url, tmp_path, kinds=["send"] * 3 + ["read"], rate=rate, slots=each)
    assert [sender.wait() for sender in senders] == [0, 0, 0, 0]
    sends, reads = used_by(tmp_path, "send"), used_by(tmp_path, "read")
    assert (len(sends), len(reads)) == (3 * each, each), "each gets what it asks for"
    assert most_in_a_second([*sends, *reads]) <= rate
    assert most_in_a_second(reads) <= rate * 0.2 + 1


@pytest.mark.own_valkey
@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.parametrize("loss", ["flush", "restart", "older state"])
def test_lost_state_lets_no_extra_send_through(loss: str, valkey_server: ValkeyProcess, redis_client: Redis) -> None:
    """Slots that somebody holds while the state is lost stay a part of the rate."""
    rate = 20
    throttle = Throttle(valkey_server.url, rate=rate, read_share=0.2, name="lossy")
    begin(redis_client, throttle, name="lossy")
    held = [throttle.reserve("send", max_wait=LONG) for _ in range(2 * rate)]
    if loss == "flush":
        redis_client.flushall()
    elif loss == "restart":
        valkey_server.kill()
        valkey_server.start()
    else:
        redis_client.hset("throttle:lossy", mapping={"next": "0", "run": "another-server"})
    assert isinstance(throttle.reserve("send", max_wait=timedelta(seconds=1)), Busy)
    while len(opens := usable(held)) < 4 * rate:
        answer = throttle.reserve("send", max_wait=LONG)
        held.append(answer)
        if isinstance(answer, Busy):
            time.sleep(answer.retry_in.total_seconds())
    throttle.close()
    assert most_in_a_second(opens) <= rate


def test_a_missing_state_starts_full(throttle: Throttle) -> None:
    answer = throttle.reserve("send", max_wait=timedelta(seconds=1))
    assert isinstance(answer, Busy)
    assert timedelta(seconds=1) < answer.retry_in <= HORIZON


def test_a_wait_beyond_what_the_caller_allows_is_refused_and_reserves_nothing(
    throttle: Throttle, redis_client: Redis
) -> None:
    begin(redis_client, throttle)
    waits = [throttle.reserve("send", max_wait=timedelta(milliseconds=100)) for _ in range(50)]
    granted = [slot.wait for slot in waits if isinstance(slot, Slot)]
    assert max(granted) <= timedelta(milliseconds=100)
    refused = [busy.retry_in for busy in waits if isinstance(busy, Busy)]
    assert refused
    assert max(refused) < timedelta(milliseconds=100)


def test_a_missed_slot_must_not_be_used(throttle: Throttle) -> None:
    now = time.monotonic()
    late = Slot(timedelta(0), now - 1, now - 1 + GUARD.total_seconds())
    good = Slot(timedelta(milliseconds=10), now + 0.01, now + 5)
    assert (throttle.wait_for(late), throttle.wait_for(good)) == (False, True)
    after = time.monotonic()
    assert good.opens_at <= after


def test_after_a_backoff_nobody_is_given_a_slot_before_its_end(
    throttle: Throttle, valkey_server: ValkeyProcess, redis_client: Redis
) -> None:
    begin(redis_client, throttle)
    other = Throttle(valkey_server.url, rate=50, read_share=0.2, name="test")
    other.backoff(datetime.now(UTC) + timedelta(seconds=2))
    other.backoff(datetime.now(UTC) + timedelta(seconds=1))
    slot = throttle.reserve("send", max_wait=LONG)
    assert isinstance(slot, Slot)
    assert timedelta(seconds=1.5) < slot.wait <= timedelta(seconds=2)
    other.backoff(datetime.now(UTC) + timedelta(hours=1))
    refused = throttle.reserve("read", max_wait=LONG)
    assert isinstance(refused, Busy)
    assert refused.retry_in > timedelta(minutes=59)
    other.close()


@pytest.mark.own_valkey
@pytest.mark.parametrize("kind", ["send", "read"])
@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_without_redis_nothing_is_reserved(
    fault: str, kind: Literal["send", "read"], throttle: Throttle, valkey_server: ValkeyProcess
) -> None:
    getattr(valkey_server, fault)()
    with pytest.raises(ThrottleUnavailable):
        throttle.reserve(kind, max_wait=LONG)


@pytest.mark.parametrize(("rate", "share"), [(0, 0.2), (-1, 0.2), (1, 0), (1, 1.5)])
def test_impossible_rates_are_refused(rate: float, share: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        Throttle("redis://127.0.0.1:1/0", rate=rate, read_share=share, name="test")


def test_on_a_slow_line_slots_are_still_met(valkey_server: ValkeyProcess, redis_client: Redis, slow_line: Any) -> None:
    throttle = Throttle(slow_line(valkey_server.url, delay=0.05), rate=50, read_share=0.2, name="test")
    begin(redis_client, throttle)
    met = [throttle.wait_for(answer) for answer in answers_of(throttle, 8) if isinstance(answer, Slot)]
    throttle.close()
    assert met[-4:] == [True] * 4


def answers_of(throttle: Throttle, count: int) -> Iterator[Slot | Busy]:
    """One after another, each asked for when the one before is used."""
    return (throttle.reserve("send", max_wait=LONG) for _ in range(count))
