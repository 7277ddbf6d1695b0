"""What this project's telemetry is called: every span, attribute and instrument, declared once.

Names are OpenTelemetry's where it has one (http, messaging, error), else ours under `attackacrack.`. Nothing is
imported or set up here: spans are made in `tracing`, instruments in `metering`, and both begin and end with
`exporting`. No value may be a phone number, a person's name, a text or a secret; ids stand for them.
"""

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

    PROVIDER_CALL = "provider"
    """A call to the provider; renamed to its method and the route's template."""


class Attribute(StrEnum):
    """What a span says about its work."""

    HTTP_METHOD = "http.request.method"
    HTTP_ROUTE = "http.route"
    HTTP_STATUS = "http.response.status_code"
    URL_TEMPLATE = "url.template"
    SERVER_ADDRESS = "server.address"
    ERROR_TYPE = "error.type"
    EXIT_CODE = "process.exit.code"

    MESSAGING_SYSTEM = "messaging.system"
    MESSAGING_OPERATION = "messaging.operation.name"
    MESSAGING_OPERATION_TYPE = "messaging.operation.type"
    MESSAGING_QUEUE = "messaging.destination.name"
    MESSAGING_MESSAGE_ID = "messaging.message.id"

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
