"""What this project's telemetry is called: every span, attribute and instrument, declared once.

Names are OpenTelemetry's where it has one (http, messaging, error), else ours under `attackacrack.`. Nothing is
imported or set up here: spans are made in `tracing`, instruments in `metering`, and both begin and end with
`exporting`. No value may be a phone number, a person's name, a text or a secret; ids stand for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

SCOPE = "attackacrack"
"""The instrumentation scope of all spans and instruments that are ours."""


class SpanName(StrEnum):
    """One name for each kind of work; which one it was about is in the attributes.

    Those that OpenTelemetry names by what they are about get it appended: `send webhooks`, `GET /api/v1/messages`.
    """

    COMMAND = "attackacrack"
    """A verb of the command line that changes something; its words follow."""

    API_REQUEST = "http"
    """A request to the console's API; renamed to its method and route once they are known."""

    TICK = "schedule.tick"
    RUN = "schedule.run"

    SEND_TASK = "send"
    """A task handed to the broker; its queue follows."""

    WEBHOOK_ACCEPT = "POST /webhooks/openphone"
    WEBHOOK_HANDLE = "webhook.handle"
    OPT_OUT_HEED = "opt_out.heed"
    OPT_IN_HEED = "opt_in.heed"
    REPLY_KEEP = "reply.keep"

    DISPATCH = "dispatch"
    """A pass that found messages due; each of them has its `message.dispatch`, which begins the message's own trace."""

    DEAD_LETTER_REPLAY = "dead_letter.replay"

    MESSAGE_DISPATCH = "message.dispatch"
    MESSAGE_SEND = "message.send"
    MESSAGE_SLOT = "message.reserve_slot"
    MESSAGE_GATE = "message.gate"
    MESSAGE_RECORD = "message.record_outcome"
    MESSAGE_RECONCILE = "message.reconcile"
    MESSAGE_RECEIPT = "message.receipt"


class Attribute(StrEnum):
    """What a span says about its work."""

    HTTP_METHOD = "http.request.method"
    HTTP_ROUTE = "http.route"
    HTTP_STATUS = "http.response.status_code"
    URL_TEMPLATE = "url.template"
    SERVER_ADDRESS = "server.address"
    ERROR_TYPE = "error.type"

    MESSAGING_SYSTEM = "messaging.system"
    MESSAGING_OPERATION = "messaging.operation.name"
    MESSAGING_OPERATION_TYPE = "messaging.operation.type"
    MESSAGING_QUEUE = "messaging.destination.name"

    TASK = "attackacrack.task.name"
    TASK_IDS = "attackacrack.task.ids"
    MESSAGE_ID = "attackacrack.message.id"
    MESSAGES = "attackacrack.messages"
    CAMPAIGN_ID = "attackacrack.campaign.id"
    DISPATCHES = "attackacrack.message.dispatches"
    FENCE = "attackacrack.message.fence"
    GATE = "attackacrack.gate.name"
    DECISION = "attackacrack.gate.decision"
    REASON = "attackacrack.reason"
    OUTCOME = "attackacrack.outcome"
    STATUS = "attackacrack.status"
    INBOX_ID = "attackacrack.inbox.id"
    EVENT_TYPE = "attackacrack.event.type"
    VERDICT = "attackacrack.webhook.verdict"
    RULE = "attackacrack.opt_out.rule"
    MEANING = "attackacrack.opt_out.meaning"
    JOB = "attackacrack.job"
    DEAD_LETTER_ID = "attackacrack.dead_letter.id"
    RUN_ID = "attackacrack.run.id"
    CALLER_ID = "attackacrack.caller.id"
    REQUEST_ID = "attackacrack.request.id"


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


OTHER = "other"
"""Stands for a label's value that is not declared."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument, with every value that each of its labels may have: so the number of series is known beforehand.

    `labels` are OpenTelemetry attributes, `bounds` a histogram's upper bounds in its unit. Counters and histograms are
    of one process and summed over a role's; gauges are read from rows, by the clock's leader alone.
    """

    name: str
    kind: Kind
    description: str
    unit: str = "1"
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bounds: tuple[float, ...] = ()


FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SLOW = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 45)

STATUSES = ("pending", "sending", "uncertain", "held", "sent", "delivered", "undelivered", "failed", "skipped")
HTTP_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
HTTP_STATUSES = (
    *("200", "201", "202", "204", "400", "401", "402", "403", "404", "405", "409", "412", "413", "415"),
    *("422", "428", "429", "500", "502", "503", "504", "none"),
)
TASKS = (
    "send_campaign_message",
    "process_webhook",
    "reconcile_message",
    "queue_daily_campaigns",
    "check_completed_jobs",
    "operational_health_check",
    "cleanup_webhook_cache",
    "resume_import",
    "continue_campaign",
    "audit_gaps",
    "send_canaries",
    "canary_campaigns",
    "canary_webhooks",
    "canary_priority",
    "canary_default",
    "debug_task",
)
QUEUES = ("campaigns", "webhooks", "priority", "default")
PARTS = (
    *("database", "redis", "clocks", "beat", "inbox", "sending", "provider account", "schedule", "provider"),
    *("provider webhook", "uncertain messages", "dead letters", "held messages", "rollouts", "webhook loop"),
    *("canaries", "certificate", "lineage", "quarantine"),
    *(f"queue {queue}" for queue in QUEUES),
    *(f"canary {queue}" for queue in QUEUES),
)

HTTP_SERVER = Instrument(
    "http.server.request.duration",
    Kind.HISTOGRAM,
    "Requests answered: webhooks by the ingress, the API's by the console.",
    "s",
    {"http.request.method": HTTP_METHODS, "http.response.status_code": HTTP_STATUSES},
    FAST,
)
HTTP_CLIENT = Instrument(
    "http.client.request.duration",
    Kind.HISTOGRAM,
    "Calls of the provider, by its answer; none when there was no answer.",
    "s",
    {"http.request.method": HTTP_METHODS, "http.response.status_code": HTTP_STATUSES},
    SLOW,
)
TASK_DURATION = Instrument(
    "attackacrack.task.duration",
    Kind.HISTOGRAM,
    "Tasks from their start to their end, by how they ended.",
    "s",
    {"task": TASKS, "end": ("succeeded", "retry", "gave_up", "put_back")},
    SLOW,
)
LIMITER_WAIT = Instrument(
    "attackacrack.limiter.wait",
    Kind.HISTOGRAM,
    "How long a caller waits for its slot of the provider's rate.",
    "s",
    {"kind": ("send", "read")},
    FAST,
)
SUBMISSIONS = Instrument(
    "attackacrack.messages.submissions",
    Kind.COUNTER,
    "Texts submitted to the provider, by what came of it.",
    labels={"outcome": ("accepted", "refused", "notstarted", "unknown")},
)
REFUSALS = Instrument(
    "attackacrack.provider.refusals",
    Kind.COUNTER,
    "Texts that the provider refused, by its reason.",
    labels={
        "reason": (
            *("invalid_message", "not_found", "opted_out", "invalid_recipient", "unreachable_recipient"),
            *("international_not_allowed", "registration_missing", "unauthorized", "no_credit"),
            *("subscription_expired", "sender_not_allowed", "daily_cap_reached", "forbidden", "route_missing"),
            "rate_limited",
        )
    },
)
TRANSITIONS = Instrument(
    "attackacrack.messages.transitions",
    Kind.COUNTER,
    "Outgoing texts by the state they came into.",
    labels={"status": STATUSES},
)
GATE = Instrument(
    "attackacrack.gate.decisions",
    Kind.COUNTER,
    "What the send gate decided, and which of its rules.",
    labels={"gate": ("open", "G1", "G2", "G3", "G4", "G5"), "decision": ("passed", "deferred", "skipped")},
)
WEBHOOKS = Instrument(
    "attackacrack.webhooks.received",
    Kind.COUNTER,
    "Deliveries whose signature was looked at, by the verdict.",
    labels={"verdict": ("stored", "duplicate", "unsigned", "not_stored")},
)
NOT_STORED = Instrument(
    "attackacrack.webhooks.not_stored",
    Kind.COUNTER,
    "Deliveries that were not stored, so that their senders repeat them, by what they waited for.",
    labels={
        "reason": (
            *("database_unavailable", "contact_locked", "clock_slow", "store_slow", "backlog_full", "internal_error"),
        )
    },
)
EVENTS = Instrument(
    "attackacrack.inbox.events",
    Kind.COUNTER,
    "Webhooks by what became of them: when they were handled, or at once when they were set aside.",
    labels={"status": ("new", "handled", "ignored", "parked", "quarantined", "dead")},
)
VERSIONS = Instrument(
    "attackacrack.webhooks.versions",
    Kind.COUNTER,
    "Readable webhooks; one of an API version that is unknown here was read as the newest known.",
    labels={"version": ("known", "unknown")},
)
OPT_OUTS = Instrument(
    "attackacrack.opt_outs",
    Kind.COUNTER,
    "Opt-outs put in force, by where they came from.",
    labels={"source": ("webhook", "review", "import", "operator", "provider")},
)
DEAD_LETTERS = Instrument(
    "attackacrack.dead_letters",
    Kind.COUNTER,
    "Work that gave up, by its reason.",
    labels={
        "reason": (
            *("error", "attempts_exhausted", "process_deaths", "soft_time_limit", "malformed", "unknown_task"),
            "undecodable",
        )
    },
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
    labels={"what": ("due", "inbox", "quarantined", "uncertain", "held", "dead_letters", "reviews")},
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
QUEUE_DEPTH = Instrument("attackacrack.queue.depth", Kind.GAUGE, "Tasks in a queue.", labels={"queue": QUEUES})
QUEUE_AGE = Instrument(
    "attackacrack.queue.age", Kind.GAUGE, "Age of the oldest work of a queue.", "s", {"queue": QUEUES}
)
POOL_RUNNING = Instrument(
    "attackacrack.pool.running",
    Kind.GAUGE,
    "Tasks that a pool's workers hold.",
    labels={"pool": ("campaign", "webhook", "operations")},
)
CAP_USED = Instrument(
    "attackacrack.cap.used", Kind.GAUGE, "Texts counted today.", labels={"scope": ("number", "account")}
)
CAP_LIMIT = Instrument("attackacrack.cap.limit", Kind.GAUGE, "Texts allowed in a day.", labels=CAP_USED.labels)
RATE_LIMIT = Instrument("attackacrack.limiter.rate", Kind.GAUGE, "Requests a second that the limiter gives out.")
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
    *(HTTP_SERVER, HTTP_CLIENT, TASK_DURATION, LIMITER_WAIT, SUBMISSIONS, REFUSALS, TRANSITIONS, GATE, WEBHOOKS),
    *(
        NOT_STORED,
        EVENTS,
        VERSIONS,
        OPT_OUTS,
        DEAD_LETTERS,
        CHORES,
        WAITING,
        WAITING_AGE,
        STILL,
        QUEUE_DEPTH,
        QUEUE_AGE,
        POOL_RUNNING,
    ),
    *(CAP_USED, CAP_LIMIT, RATE_LIMIT, MISSED_RUNS, STOPPED, STOPPED_FOR, REFUSED, HEALTH, KEY_AGE, CERTIFICATE),
)
