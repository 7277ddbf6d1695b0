"""What the queue counts, beside the names that its labels are made of."""

from typing import get_args

from services.core.queue.names import POOLS, GaveUp, Queue, RequestKind, TaskName
from services.core.runtime.telemetry import FAST, SLOW, Instrument, Kind

QUEUES = tuple(Queue)

TASK_DURATION = Instrument(
    "attackacrack.task.duration",
    Kind.HISTOGRAM,
    "Tasks from their start to their end, by how they ended.",
    "s",
    {"task": tuple(TaskName), "end": ("succeeded", "retry", "gave_up", "put_back")},
    SLOW,
)
LIMITER_WAIT = Instrument(
    "attackacrack.limiter.wait",
    Kind.HISTOGRAM,
    "How long a caller waits for its slot of the provider's rate.",
    "s",
    {"kind": get_args(RequestKind)},
    FAST,
)
DEAD_LETTERS = Instrument(
    "attackacrack.dead_letters",
    Kind.COUNTER,
    "Work that gave up, by its reason.",
    labels={"reason": tuple(GaveUp)},
)
QUEUE_DEPTH = Instrument("attackacrack.queue.depth", Kind.GAUGE, "Tasks in a queue.", labels={"queue": QUEUES})
QUEUE_AGE = Instrument(
    "attackacrack.queue.age", Kind.GAUGE, "Age of the oldest work of a queue.", "s", {"queue": QUEUES}
)
POOL_RUNNING = Instrument(
    "attackacrack.pool.running",
    Kind.GAUGE,
    "Tasks that a pool's workers hold.",
    labels={"pool": tuple(pool.name for pool in POOLS)},
)
RATE_LIMIT = Instrument("attackacrack.limiter.rate", Kind.GAUGE, "Requests a second that the limiter gives out.")
