"""Requests that are refused for who sends them, braked where they come from and put on record in few rows.

A token that opens nothing counts against its place (`domain.guesses`); one that has worked in this process goes on
working from there, since the address may be a proxy that many share. A token below the role that is needed is only
noted. The audit gets of both what `domain.tally` tells.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Any

import structlog

from services.core.domain.failures import TooManyAttempts
from services.core.domain.guesses import NOBODY, Guesses, place_of
from services.core.domain.tally import Tally, Told
from services.core.storage import audit
from services.core.storage.database import Database, DatabaseUnavailable, Session

log = structlog.get_logger()

WORKING_AT_MOST = 1024
LOGIN_FAILED, ACCESS_REFUSED = "login.failed", "access.refused"
ELSEWHERE = "elsewhere"
FINGERPRINT_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Failure:
    """A token that opened nothing: `reason` is unknown, revoked or expired, the last two with whose it was.

    `token` is the beginning of its SHA-256 in hex: who holds a token can tell that it was this one, and nobody else.
    `subject` says what it was, and `token_id` whose: of a user's link or session the user's id.
    """

    token: str
    reason: str
    token_id: int | None = None
    name: str = NOBODY
    subject: str = "token"


@dataclass(frozen=True, slots=True)
class Reach:
    """What somebody's token was too little for."""

    name: str
    method: str
    route: str
    needed: str
    role: str


class Refusals:
    """Of one process. May be called in any thread; `failed`, `refused` and `settle` write to the database."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = monotonic) -> None:
        self.guesses, self.accounts = Guesses(), Guesses()
        self._database = database
        self._clock = clock
        self._lock = Lock()
        self._working: OrderedDict[bytes, None] = OrderedDict()
        self._failed: Tally[str, Failure] = Tally()
        self._refused: Tally[tuple[str, Reach], Reach] = Tally()

    def check(self, address: str, token_hash: bytes) -> None:
        """Raises `TooManyAttempts` for a token that never worked here, from an address that has to wait."""
        place = place_of(address)
        with self._lock:
            left = self.guesses.wait(place, now=self._clock())
            if not left or token_hash in self._working:
                return
            self._failed.again(place)
        raise TooManyAttempts(left)

    def check_account(self, account: str) -> None:
        """Raises `TooManyAttempts` for a person's password after so many wrong ones, wherever they came from."""
        with self._lock:
            left = self.accounts.wait(account, now=self._clock())
        if left:
            raise TooManyAttempts(left)

    def failed_account(self, account: str) -> None:
        """Count a wrong password of a person."""
        with self._lock:
            self.accounts.failed(account, now=self._clock())

    def worked(self, token_hash: bytes) -> None:
        """Remember that the token opens something."""
        with self._lock:
            self._working[token_hash] = None
            self._working.move_to_end(token_hash)
            if len(self._working) > WORKING_AT_MOST:
                self._working.popitem(last=False)

    def failed(self, address: str, failure: Failure) -> None:
        """Count a token that opened nothing."""
        place, now = place_of(address), self._clock()
        with self._lock:
            self.guesses.failed(place, now=now)
            told = self._failed.add(place, failure, now=now)
        self._record(self._failed, told, _record_failure)

    def refused(self, address: str, reach: Reach) -> None:
        """Count what a token was too little for."""
        with self._lock:
            told = self._refused.add((place_of(address), reach), reach, now=self._clock())
        self._record(self._refused, told, _record_reach)

    def settle(self, *, at_end: bool = False) -> None:
        """Put on record what was counted since; for those whose minute is not over only `at_end`."""
        now = self._clock()
        with self._lock:
            failed, refused = (tally.due(now=now, at_end=at_end) for tally in (self._failed, self._refused))
        self._record(self._failed, failed, _record_failure)
        self._record(self._refused, refused, _record_reach)

    def _record(
        self, tally: Tally[Any, Any], told: list[Told[Any, Any]], record: Callable[[Session, Told[Any, Any]], None]
    ) -> None:
        """Write the entries; without a database they are summed up and told later."""
        if not told:
            return
        try:
            with self._database.transaction() as session:
                for each in told:
                    record(session, each)
        except DatabaseUnavailable:
            with self._lock:
                tally.untold(told)
            log.warning("refusals.not_recorded", refused=_sum(told))


def _record_failure(session: Session, told: Told[str, Failure]) -> None:
    last = told.last
    audit.record(
        session,
        actor=last.name if last is not None else NOBODY,
        act=LOGIN_FAILED,
        subject=last.subject if last is not None else "token",
        subject_id=last.token_id if last is not None else None,
        detail={"failed": told.count} | ({"token": last.token, "reason": last.reason} if last is not None else {}),
        address=told.source or ELSEWHERE,
    )


def _record_reach(session: Session, told: Told[tuple[str, Reach], Reach]) -> None:
    last = told.last
    detail: dict[str, int | str] = {"refused": told.count}
    if last is not None:
        detail |= {"method": last.method, "route": last.route, "needed": last.needed, "role": last.role}
    audit.record(
        session,
        actor=last.name if last is not None else NOBODY,
        act=ACCESS_REFUSED,
        subject="api",
        detail=detail,
        address=told.source[0] if told.source is not None else ELSEWHERE,
    )


def _sum(told: Iterable[Told[Any, Any]]) -> int:
    return sum(each.count for each in told)


def fingerprint(token_hash: bytes) -> str:
    """What the audit says of a token; it tells nothing of the token itself."""
    return token_hash.hex()[:FINGERPRINT_DIGITS]
