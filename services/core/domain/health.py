"""Is everything working: judged from what the rows and the broker say, given at once and with the time in it.

The limits are those of the promises: a webhook takes effect within a minute of a fault's end, a schedule is late by
two minutes at most, an unknown outcome is settled within a quarter of an hour.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

BEAT_SILENT = timedelta(seconds=30)
INBOX_SLOW = timedelta(seconds=60)
SENDING_SLOW = timedelta(minutes=5)
SENDING_STILL = timedelta(minutes=2)
RUNS_SLOW = timedelta(minutes=2)
UNCERTAIN_SLOW = timedelta(minutes=15)

QUEUE_SLOW = {"webhooks": INBOX_SLOW, "campaigns": SENDING_SLOW}


class PartName(StrEnum):
    """What the report has a line about, beside each queue and its canary."""

    DATABASE = "database"
    REDIS = "redis"
    CLOCKS = "clocks"
    BEAT = "beat"
    INBOX = "inbox"
    SENDING = "sending"
    PROVIDER_ACCOUNT = "provider account"
    SCHEDULE = "schedule"
    PROVIDER = "provider"
    PROVIDER_WEBHOOK = "provider webhook"
    UNCERTAIN_MESSAGES = "uncertain messages"
    DEAD_LETTERS = "dead letters"
    HELD_MESSAGES = "held messages"
    ROLLOUTS = "rollouts"
    WEBHOOK_LOOP = "webhook loop"
    CANARIES = "canaries"
    CERTIFICATE = "certificate"
    LINEAGE = "lineage"
    QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the report: `age` is how long what was found has lasted, `remedy` what to do when it isn't well."""

    name: str
    well: bool
    found: str
    remedy: str = ""
    age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits, and for how long the oldest of it has; no age where nothing waits."""

    count: int
    oldest: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Cap:
    used: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """Everything that waits or may stand still. Ages of `due`, `inbox` and what people see are product time.

    `due` are texts whose time has come; `queued` is by queue what its tasks are about; `depths` are the tasks in each
    queue and `running` those with each pool's workers, empty when the broker does not answer.
    """

    beat_silent: timedelta | None
    due: Waiting
    last_attempt: timedelta | None
    inbox: Waiting
    quarantined: Waiting
    queued: Mapping[str, Waiting]
    depths: Mapping[str, int]
    running: Mapping[str, int]
    uncertain: Waiting
    held: Waiting
    dead_letters: Waiting
    reviews: Waiting
    stopped_campaigns: Waiting
    missed_runs: int
    stopped_by: str | None
    stopped_for: timedelta | None
    refused_because: str | None
    caps: Mapping[str, Cap]


def judge(vitals: Vitals) -> Iterator[Part]:
    """The report's lines about our own work."""
    yield _beat(vitals.beat_silent)
    for queue, waiting in vitals.queued.items():
        yield _queue(queue, waiting, vitals.depths.get(queue))
    yield _age(PartName.INBOX, vitals.inbox, INBOX_SLOW, "look at the webhook workers: attackacrack workers")
    yield _nothing(
        PartName.QUARANTINE,
        vitals.quarantined,
        "attackacrack webhooks list --status quarantined, then replay or discard: there may be replies among them",
    )
    yield _sending(vitals)
    yield _provider_account(vitals.refused_because)
    yield _missed(vitals.missed_runs)
    yield _age(
        PartName.UNCERTAIN_MESSAGES,
        vitals.uncertain,
        UNCERTAIN_SLOW,
        "the provider's list does not settle them: attackacrack provider check",
    )
    yield _nothing(PartName.DEAD_LETTERS, vitals.dead_letters, "attackacrack dead-letters list, then replay or discard")
    yield _nothing(PartName.HELD_MESSAGES, vitals.held, "attackacrack held list, then bind, release or cancel")


def _beat(silent: timedelta | None) -> Part:
    remedy = "start beat: nothing is scheduled, dispatched or swept meanwhile"
    if silent is None:
        return Part(PartName.BEAT, well=False, found="has never run", remedy=remedy)
    well = silent <= BEAT_SILENT
    return Part(PartName.BEAT, well, f"ticked {seconds(silent)} ago", "" if well else remedy, silent)


def _queue(queue: str, waiting: Waiting, depth: int | None) -> Part:
    limit = QUEUE_SLOW.get(queue, RUNS_SLOW)
    well = waiting.oldest is None or waiting.oldest <= limit
    found = "depth unknown" if depth is None else f"{depth} tasks wait"
    if waiting.oldest is not None:
        found = f"{found}, the oldest work for {seconds(waiting.oldest)}"
    remedy = "look at its workers: attackacrack workers, attackacrack queues"
    return Part(f"queue {queue}", well, found, "" if well else remedy, waiting.oldest)


def _sending(vitals: Vitals) -> Part:
    """Due texts may wait for the rate, and then others leave meanwhile; when none leaves, something stands still."""
    oldest = vitals.due.oldest
    if vitals.stopped_by is not None:
        found = f"stopped by {vitals.stopped_by}, {vitals.due.count} are due"
        well = oldest is None or oldest <= SENDING_SLOW
        remedy = "attackacrack sending resume, when the reason is gone: attackacrack sending status"
        return Part(PartName.SENDING, well, found, "" if well else remedy, oldest)
    if oldest is None:
        return Part(PartName.SENDING, well=True, found="nothing is due")
    moves = vitals.last_attempt is not None and vitals.last_attempt <= SENDING_STILL
    well = moves or oldest <= SENDING_SLOW
    found = f"{vitals.due.count} are due, the oldest for {seconds(oldest)}"
    remedy = "no text leaves: look at the campaign workers and at attackacrack sending status"
    return Part(PartName.SENDING, well, found, "" if well else remedy, oldest)


def _provider_account(refused_because: str | None) -> Part:
    if refused_because is None:
        return Part(PartName.PROVIDER_ACCOUNT, well=True, found="not refused")
    remedy = "mend the account at the provider, then attackacrack sending resume"
    return Part(PartName.PROVIDER_ACCOUNT, well=False, found=f"refused: {refused_because}", remedy=remedy)


def _missed(count: int) -> Part:
    found = f"{count} due times of the last day have no run" if count else "every due time has its run"
    remedy = "run by hand what is still wanted: attackacrack schedule list, then run-now"
    return Part(PartName.SCHEDULE, well=not count, found=found, remedy=remedy if count else "")


def _age(name: str, waiting: Waiting, limit: timedelta, remedy: str) -> Part:
    if waiting.oldest is None:
        return Part(name, well=True, found="nothing waits")
    well = waiting.oldest <= limit
    found = f"{waiting.count} wait, the oldest for {seconds(waiting.oldest)}"
    return Part(name, well, found, "" if well else remedy, waiting.oldest)


def _nothing(name: str, waiting: Waiting, remedy: str) -> Part:
    return Part(name, not waiting.count, str(waiting.count), remedy if waiting.count else "", waiting.oldest)


def seconds(age: timedelta) -> str:
    return f"{age.total_seconds():.0f} s"
