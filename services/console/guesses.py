"""Tokens that open nothing: told from where they come, and braked there, in bounded memory and few rows.

After `FAILED_AT_MOST` of them within a minute an address has to wait; a token that has worked in this process goes on
working from there, since the address may be a proxy that many share. The audit gets one entry for an address and
minute, with how many there were, and `ENTRIES_AT_MOST` in all; what is beyond that is summed up in one more.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from time import monotonic

import structlog

from services.core.domain.failures import TooManyAttempts
from services.core.storage import audit
from services.core.storage.database import Database, DatabaseUnavailable

log = structlog.get_logger()

FAILED_AT_MOST = 10
MINUTE = timedelta(minutes=1)
ADDRESSES_AT_MOST = 4096
WORKING_AT_MOST = 1024
ENTRIES_AT_MOST = 30
ACT = "login.failed"
NOBODY = "unknown"
ELSEWHERE = "elsewhere"
IPV6_NETWORK_BITS = 64  # what one subscriber has to themselves
FINGERPRINT_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Failure:
    """A token that opened nothing: `reason` is unknown, revoked or expired, the last two with whose it was.

    `token` is the beginning of its SHA-256 in hex: who holds a token can tell that it was this one, and nobody else.
    """

    token: str
    reason: str
    token_id: int | None = None
    name: str = NOBODY


@dataclass(slots=True)
class _Source:
    """What one address did: `failed` in the minute that began at `since`, `untold` since its last entry."""

    since: float
    failed: int = 0
    untold: int = 0
    last: Failure | None = None
    told_at: float | None = None


class Guesses:
    """Of one process. Its methods may be called in any thread; `failed` and `settle` write to the database."""

    def __init__(
        self, database: Database, *, at_most: int = FAILED_AT_MOST, clock: Callable[[], float] = monotonic
    ) -> None:
        self.at_most = at_most
        self._database = database
        self._clock = clock
        self._lock = Lock()
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._working: OrderedDict[bytes, None] = OrderedDict()
        self._elsewhere = 0
        self._entries_since, self._entries = 0.0, 0

    def check(self, address: str, token_hash: bytes) -> None:
        """Raises `TooManyAttempts` for a token that never worked here, from an address that has to wait."""
        with self._lock:
            source = self._sources.get(_network(address))
            if source is None or token_hash in self._working:
                return
            left = source.since + MINUTE.total_seconds() - self._clock()
            if left <= 0 or source.failed < self.at_most:
                return
            source.untold += 1
        raise TooManyAttempts(timedelta(seconds=left))

    def worked(self, token_hash: bytes) -> None:
        """Remember that the token opens something."""
        with self._lock:
            self._working[token_hash] = None
            self._working.move_to_end(token_hash)
            if len(self._working) > WORKING_AT_MOST:
                self._working.popitem(last=False)

    def failed(self, address: str, failure: Failure) -> None:
        """Count the failure, and put the first of its address and minute on record at once."""
        now = self._clock()
        with self._lock:
            network, source = self._source_of(address, now)
            if now >= source.since + MINUTE.total_seconds():
                source.since, source.failed = now, 0
            source.failed += 1
            source.untold += 1
            source.last = failure
            entry = self._take(network, source, now) if _is_due(source, now) else None
        if entry is not None:
            self._tell([entry])

    def settle(self, *, at_end: bool = False) -> None:
        """Put on record what was counted since; for addresses whose minute is not over only `at_end`."""
        now = self._clock()
        with self._lock:
            due = [
                (network, source)
                for network, source in self._sources.items()
                if source.untold and (at_end or _is_due(source, now))
            ]
            taken = [self._take(network, source, now) for network, source in due]
            self._elsewhere += sum(
                source.untold for (_, source), entry in zip(due, taken, strict=True) if entry is None
            )
            for _, source in due:
                source.untold = 0
            summed, self._elsewhere = self._elsewhere, 0
        entries = [entry for entry in taken if entry is not None]
        if summed:
            entries.append((ELSEWHERE, summed, None))
        self._tell(entries)

    def _source_of(self, address: str, now: float) -> tuple[str, _Source]:
        network = _network(address)
        source = self._sources.setdefault(network, _Source(now))
        self._sources.move_to_end(network)
        if len(self._sources) > ADDRESSES_AT_MOST:
            _, forgotten = self._sources.popitem(last=False)
            self._elsewhere += forgotten.untold
        return network, source

    def _take(self, network: str, source: _Source, now: float) -> tuple[str, int, Failure | None] | None:
        """What is to be told of the source, unless this minute has had its entries."""
        if now >= self._entries_since + MINUTE.total_seconds():
            self._entries_since, self._entries = now, 0
        if self._entries >= ENTRIES_AT_MOST:
            return None
        self._entries += 1
        count, source.untold, source.told_at = source.untold, 0, now
        return network, count, source.last

    def _tell(self, entries: list[tuple[str, int, Failure | None]]) -> None:
        """Write the entries; without a database they are summed up and told later."""
        if not entries:
            return
        try:
            with self._database.transaction() as session:
                for network, count, last in entries:
                    detail: dict[str, int | str] = {"failed": count}
                    if last is not None:
                        detail |= {"token": last.token, "reason": last.reason}
                    audit.record(
                        session,
                        actor=last.name if last is not None else NOBODY,
                        act=ACT,
                        subject="token",
                        subject_id=last.token_id if last is not None else None,
                        detail=detail,
                        address=network,
                    )
        except DatabaseUnavailable:
            with self._lock:
                self._elsewhere += sum(count for _, count, _ in entries)
            log.warning("login.failures_not_recorded", failed=sum(count for _, count, _ in entries))


def _is_due(source: _Source, now: float) -> bool:
    return source.told_at is None or now >= source.told_at + MINUTE.total_seconds()


def fingerprint(token_hash: bytes) -> str:
    """What the audit says of a token; it tells nothing of the token itself."""
    return token_hash.hex()[:FINGERPRINT_DIGITS]


def _network(address: str) -> str:
    """The address, of IPv6 the network that one subscriber has to themselves."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return NOBODY
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, IPV6_NETWORK_BITS), strict=False))
    return str(parsed)
