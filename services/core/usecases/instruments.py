"""What the use cases and the roles count and measure, and every instrument that there is."""

from services.core.domain.health import PartName
from services.core.domain.inbox import Unstored, Verdict
from services.core.domain.send_gate import Gate
from services.core.openphone import instruments as of_openphone
from services.core.queue import instruments as of_queue
from services.core.queue.names import Queue
from services.core.runtime import telemetry
from services.core.runtime.telemetry import Instrument, Kind, instruments_of
from services.core.storage import instruments as of_storage

DECIDING = tuple(gate for gate in Gate if gate is not Gate.RATE)
"""The provider's rate is the limiter's, which keeps it before the gate decides."""

PARTS = (*PartName, *(f"queue {queue}" for queue in Queue), *(f"canary {queue}" for queue in Queue))

GATE = Instrument(
    "attackacrack.gate.decisions",
    Kind.COUNTER,
    "What the send gate decided, and which of its rules.",
    labels={"gate": DECIDING, "decision": ("passed", "deferred", "skipped")},
)
WEBHOOKS = Instrument(
    "attackacrack.webhooks.received",
    Kind.COUNTER,
    "Deliveries whose signature was looked at, by the verdict.",
    labels={"verdict": (*Verdict, "not_stored")},
)
NOT_STORED = Instrument(
    "attackacrack.webhooks.not_stored",
    Kind.COUNTER,
    "Deliveries that were not stored, so that their senders repeat them, by what they waited for.",
    labels={"reason": tuple(Unstored)},
)
VERSIONS = Instrument(
    "attackacrack.webhooks.versions",
    Kind.COUNTER,
    "Readable webhooks; one of an API version that is unknown here was read as the newest known.",
    labels={"version": ("known", "unknown")},
)
CHORES = Instrument(
    "attackacrack.beat.chores",
    Kind.COUNTER,
    "What the clock's leader does every few seconds, by how it ended.",
    labels={"chore": ("tick", "dispatch", "sweep", "measure"), "end": ("done", "failed")},
)
WAITING = Instrument(
    "attackacrack.waiting",
    Kind.GAUGE,
    "How much waits: texts that are due, new webhooks, unknown outcomes, and what waits for a person.",
    labels={
        "what": ("due", "inbox", "quarantined", "uncertain", "held", "dead_letters", "reviews", "stopped_campaigns")
    },
)
WAITING_AGE = Instrument(
    "attackacrack.waiting.age",
    Kind.GAUGE,
    "For how long the oldest of it has waited.",
    "s",
    WAITING.labels,
)
STILL = Instrument(
    "attackacrack.sending.still",
    Kind.GAUGE,
    "How long ago a text was last submitted, while texts are due; 0 when none is.",
    "s",
)
CAP_USED = Instrument(
    "attackacrack.cap.used", Kind.GAUGE, "Texts counted today.", labels={"scope": ("number", "account")}
)
CAP_LIMIT = Instrument("attackacrack.cap.limit", Kind.GAUGE, "Texts allowed in a day.", labels=CAP_USED.labels)
MISSED_RUNS = Instrument("attackacrack.schedule.missed", Kind.GAUGE, "Due times of the last day that have no run.")
STOPPED = Instrument("attackacrack.sending.stopped", Kind.GAUGE, "1 while a person has stopped all sending.")
STOPPED_FOR = Instrument(
    "attackacrack.sending.stopped.age",
    Kind.GAUGE,
    "For how long a person has stopped all sending; 0 while nobody has.",
    "s",
)
REFUSED = Instrument("attackacrack.provider.refused", Kind.GAUGE, "1 while the provider refuses the account.")
HEALTH = Instrument("attackacrack.health.well", Kind.GAUGE, "1 when the part is well.", labels={"part": PARTS})
KEY_AGE = Instrument("attackacrack.secret.age", Kind.GAUGE, "Age of the webhook's key, when we made it.", "s")
CERTIFICATE = Instrument(
    "attackacrack.certificate.left", Kind.GAUGE, "For how long the public address's certificate still holds.", "s"
)

INSTRUMENTS = (
    *(each for module in (telemetry, of_openphone, of_queue, of_storage) for each in instruments_of(module)),
    *(each for each in tuple(globals().values()) if isinstance(each, Instrument)),
)
"""All of them: a role makes room for each before its first fork."""
