"""What is counted where rows change, beside the states that its labels are made of."""

from services.core.domain.inbox import InboxStatus
from services.core.domain.messages import MessageStatus
from services.core.domain.opt_outs import OptOutSource
from services.core.runtime.telemetry import Instrument, Kind

TRANSITIONS = Instrument(
    "attackacrack.messages.transitions",
    Kind.COUNTER,
    "Outgoing texts by the state they came into.",
    labels={"status": tuple(each for each in MessageStatus if each is not MessageStatus.RECEIVED)},
)
EVENTS = Instrument(
    "attackacrack.inbox.events",
    Kind.COUNTER,
    "Webhooks by what became of them: when they were handled, or at once when they were set aside.",
    labels={"status": tuple(InboxStatus)},
)
OPT_OUTS = Instrument(
    "attackacrack.opt_outs",
    Kind.COUNTER,
    "Opt-outs put in force, by where they came from.",
    labels={"source": tuple(OptOutSource)},
)
