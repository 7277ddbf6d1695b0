"""Is everything working: each part with what was found, how old it is, and what to do when it is wrong."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from services.core.domain.health import Part
from services.core.queue.enqueue import BrokerUnavailable
from services.core.storage import clock, health, inbox, installation, outbox, work
from services.core.storage.database import DatabaseUnavailable, Session
from services.core.usecases.canary import canary_parts
from services.core.usecases.context import Context
from services.core.usecases.health_parts import cluster_parts, provider_parts

BEAT_SILENT = timedelta(seconds=30)
INBOX_SLOW = timedelta(seconds=60)
SENDING_SLOW = timedelta(minutes=5)
RUNS_SLOW = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Health:
    at: datetime | None
    parts: tuple[Part, ...]

    @property
    def healthy(self) -> bool:
        return all(part.well for part in self.parts)

    def summary(self) -> dict[str, Any]:
        return {"healthy": self.healthy, "unwell": [part.name for part in self.parts if not part.well]}


def check_health(context: Context) -> Health:
    """Look at every part; a part that can't be looked at is unwell. The report is stored when the database allows."""
    parts = [_broker(context), *cluster_parts(context.settings.kubernetes_namespace)]
    at = None
    try:
        with context.database.transaction() as session:
            at = clock.product_now(session)
            parts = [Part("database", well=True, found="answers"), *parts, *_rows(session, at)]
            health.store(session, healthy=all(part.well for part in parts), parts=[asdict(part) for part in parts])
    except DatabaseUnavailable as error:
        remedy = "start PostgreSQL or mend its address; nothing is accepted or sent meanwhile"
        parts = [Part("database", well=False, found=str(error), remedy=remedy), *parts]
    return Health(at, tuple(parts))


def _broker(context: Context) -> Part:
    try:
        depths = context.inspector.depths()
    except BrokerUnavailable as error:
        remedy = "start Redis or mend its address; work waits in the database meanwhile"
        return Part("redis", well=False, found=str(error)[:200], remedy=remedy)
    return Part("redis", well=True, found=", ".join(f"{depth.queue} {depth.waiting}" for depth in depths))


def _rows(session: Session, at: datetime) -> Iterator[Part]:
    yield _clocks(session)
    yield _lineage(session)
    yield _beat(session)
    yield _age(
        "inbox",
        inbox.oldest_new_at(session),
        at,
        limit=INBOX_SLOW,
        remedy="look at the webhook workers: attackacrack workers, attackacrack queues",
    )
    yield _age(
        "sending",
        outbox.oldest_due_at(session),
        at,
        limit=SENDING_SLOW,
        remedy="look at the campaign workers and at attackacrack sending status",
    )
    yield _age(
        "scheduled runs",
        health.oldest_due_run_at(session),
        at,
        limit=RUNS_SLOW,
        remedy="look at the operations workers: attackacrack schedule list, attackacrack workers",
    )
    yield from canary_parts(session)
    yield from provider_parts(session)
    yield _count(session, "dead letters", work.count_open_dead_letters, "attackacrack dead-letters list, then replay")
    yield _count(session, "held messages", outbox.count_held, "attackacrack held list, then bind, release or cancel")


def _clocks(session: Session) -> Part:
    skew = clock.skew(session)
    well = skew <= clock.SKEW_LIMIT
    found = "this host and the database agree" if well else f"{skew.total_seconds():.1f} s apart"
    remedy = "mend the time service of this host or of the database: nothing is sent while they disagree"
    return Part("clocks", well=well, found=found, remedy="" if well else remedy)


def _lineage(session: Session) -> Part:
    if not installation.read(session).is_rewound:
        return Part("lineage", well=True, found="the database is the one that was adopted")
    return Part(
        "lineage",
        well=False,
        found="the database was restored, cloned or failed over, and may have forgotten what was sent: nothing is",
        remedy="attackacrack sending recover, read what it found, then attackacrack sending adopt",
    )


def _beat(session: Session) -> Part:
    remedy = "start beat: nothing is scheduled, dispatched or swept meanwhile"
    silent = health.beat_silent_for(session)
    if silent is None:
        return Part("beat", well=False, found="has never run", remedy=remedy)
    well = silent <= BEAT_SILENT
    return Part("beat", well=well, found=f"ticked {silent.total_seconds():.0f} s ago", remedy="" if well else remedy)


def _age(name: str, since: datetime | None, at: datetime, *, limit: timedelta, remedy: str) -> Part:
    if since is None:
        return Part(name, well=True, found="nothing waits")
    age = at - since
    found = f"the oldest waits for {age.total_seconds():.0f} s"
    return Part(name, well=age <= limit, found=found, remedy="" if age <= limit else remedy)


def _count(session: Session, name: str, count: Callable[[Session], int], remedy: str) -> Part:
    found = count(session)
    return Part(name, well=found == 0, found=str(found), remedy=remedy if found else "")
