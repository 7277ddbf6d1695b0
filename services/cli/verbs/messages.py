"""Messages: which there are, and why one was sent, wasn't, or waits."""

from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from services.cli.output import Rows, cell, label, listing, readable, values_of
from services.cli.verb import After, Id, Limit, verb
from services.cli.waterfall import Waterfall
from services.core.domain.glossary import in_words
from services.core.domain.messages import MessageStatus

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views.messages import Explanation, Message
    from services.core.views.traces import TracedExplanation
    from services.core.views.values import Page

STEP_FIELDS = ("at", "what", "reason")
NO_FACTS = frozenset({*STEP_FIELDS, "kind"})
"""What is shown in columns of its own; `what` has the kind in words."""

group = typer.Typer(help="Messages, one by one.", no_args_is_help=True)


@verb(
    group,
    "list",
    show=listing("message_id", "direction", "campaign_id", "phone", "status", "reason", "not_before", "submitted_at"),
)
def list_(
    context: "Context",
    campaign: Annotated[str | None, typer.Option("--campaign", help="Of one campaign, by id or name.")] = None,
    status: Annotated[MessageStatus | None, typer.Option("--status")] = None,
    phone: Annotated[
        str | None, typer.Option("--phone", "--number", help="With one person, by a number in any form.")
    ] = None,
    limit: Limit = 100,
    after: After = 0,
) -> "Page[Message]":
    """Messages by id.

    Example: attackacrack messages list --campaign "Spring check" --status failed
    """
    from services.core.usecases.campaigns.find import campaign_id_of
    from services.core.usecases.messages.find import list_messages

    campaign_id = campaign_id_of(context, campaign) if campaign is not None else None
    return list_messages(context, campaign_id=campaign_id, status=status, phone=phone, after=after, limit=limit)


@verb(group, "show")
def show(context: "Context", message: Id) -> "Message":
    """One message with its text.

    Example: attackacrack messages show 42
    """
    from services.core.usecases.messages.find import show_message

    return show_message(context, message)


def _story(explained: "Explanation", zone: ZoneInfo) -> list[Any]:
    from rich.text import Text

    rows = []
    for step in explained.steps:
        facts = {
            name: value for name, value in values_of(step).items() if name not in NO_FACTS and value not in (None, [])
        }
        rows.append([step.at, step.what, in_words(step.reason), facts])
    steps = Rows((*STEP_FIELDS, "facts"), rows, zone)
    heads = ("status", "reason", "campaign", "not_before", "provider_message_id", "trace_id", "begun_by_trace_id")
    known = [
        Text(f"{label(name)}: ") + cell(readable(name, value), zone)
        for name in heads
        if (value := getattr(explained, name))
    ]
    return [*known, "", steps, *_trace(explained)]


def _trace(explained: "Explanation | TracedExplanation") -> list[Any]:
    """The drawing that was asked for, or why there is none."""
    from services.core.views.traces import TracedExplanation

    if explained.trace_id and not explained.trace_kept:
        return ["", "The trace was not sampled: what failed in it is in the logs under its id, and in the metrics."]
    if not isinstance(explained, TracedExplanation):
        return []
    trace = explained.trace
    return ["", Waterfall(trace) if trace else "Nothing is kept of the trace: not begun, or too old."]


@verb(group, "why", show=_story)
def why(
    context: "Context",
    message: Id,
    trace: Annotated[bool, typer.Option("--trace", help="Draw its trace, too.")] = False,
) -> "Explanation | TracedExplanation":
    """Every decision, attempt and look about a message, in order, and what it waits for now.

    Example: attackacrack messages why 42 --trace
    """
    from services.core.usecases.messages.explain import explain_message
    from services.core.usecases.messages.trace import explain_with_trace

    return explain_with_trace(context, message) if trace else explain_message(context, message)
