"""The rate limit: so many requests in one second, per key, over both surfaces; and how many came in each second."""

import time
from collections import Counter, deque
from dataclasses import dataclass

REMEMBERED_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Verdict:
    is_allowed: bool
    quota: int
    remaining: int

    def headers(self) -> dict[str, str]:
        return {
            "ratelimit-policy": f'"per-second"; q={self.quota}; w=1',
            "ratelimit": f'"per-second"; r={self.remaining}; t=1',
        }


class RateLimit:
    def __init__(self, quota: int) -> None:
        self.quota = quota
        self._second = 0
        self._used: Counter[str] = Counter()

    def untouched(self) -> Verdict:
        """For a reply that spends nothing, since its key is unknown."""
        return Verdict(True, self.quota, self.quota)

    def spend(self, key: str) -> Verdict:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._used.clear()
        if self._used[key] >= self.quota:
            return Verdict(False, self.quota, 0)
        self._used[key] += 1
        return Verdict(True, self.quota, self.quota - self._used[key])


class Histogram:
    """Requests of each second of real time, by what they were (`send`, `read`, ...) and how they were answered."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, Counter[str]]] = deque(maxlen=REMEMBERED_SECONDS)
        self.totals: Counter[str] = Counter()

    def add(self, *names: str) -> None:
        second = int(time.time())
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, Counter()))
        self._seconds[-1][1].update(names)
        self.totals.update(names)

    def by_second(self) -> list[dict[str, int]]:
        return [{"second": second, **counted} for second, counted in self._seconds]
