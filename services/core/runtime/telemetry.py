"""What this project's telemetry is called: every span and attribute, and the form of an instrument.

Names are OpenTelemetry's where it has one (http, messaging, error), else ours under `attackacrack.`. Instruments are
declared in the `instruments` of the package whose words their labels are; `usecases.instruments` has them all. Nothing
is set up here: spans are made in `tracing`, counts in `metering`, and both begin and end with `exporting`. No value may
be a phone number, a person's name, a text or a secret; ids stand for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import ModuleType

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

HTTP_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
HTTP_STATUSES = (
    *("200", "201", "202", "204", "400", "401", "402", "403", "404", "405", "409", "412", "413", "415"),
    *("422", "428", "429", "500", "502", "503", "504", "none"),
)
HTTP_SERVER = Instrument(
    "http.server.request.duration",
    Kind.HISTOGRAM,
    "Requests answered: webhooks by the ingress, the API's by the console.",
    "s",
    {"http.request.method": HTTP_METHODS, "http.response.status_code": HTTP_STATUSES},
    FAST,
)


def instruments_of(module: ModuleType) -> tuple[Instrument, ...]:
    """What a module declares."""
    return tuple(each for each in vars(module).values() if isinstance(each, Instrument))
