"""The provider's account, our webhook there, and what must be known before the first production send."""

import sys
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from services.cli.output import rows_table
from services.cli.verb import SOMEBODY, By, verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views import provider as views

group = typer.Typer(help="The provider: account, webhook, checklist.", no_args_is_help=True)


def _show_parts(check: "views.ProviderCheck", zone: ZoneInfo) -> list[Any]:
    return [rows_table(check.parts, ("name", "well", "found", "remedy"), zone)]


def _show_key(made: "views.WebhookKey", _zone: ZoneInfo) -> list[Any]:
    return [f"{made.webhook_id} {made.url}", f"key, shown this once: {made.key}", *made.next]


def _show_items(checklist: "views.Checklist", zone: ZoneInfo) -> list[Any]:
    return [rows_table(checklist.items, ("key", "state", "question", "note", "by", "at"), zone)]


@verb(group, "check", show=_show_parts, fails=lambda check: not check.is_ready)
def check(context: "Context") -> "views.ProviderCheck":
    """Key, subscription, number, registration, webhook and its deliveries, each with a remedy.

    Example: attackacrack provider check
    """
    from services.core.usecases.operations.provider_check import check_provider

    return check_provider(context)


@verb(group, "register-webhook", show=_show_key)
def register_webhook(
    context: "Context", url: Annotated[str, typer.Argument(show_default=False)], by: By = SOMEBODY
) -> "views.WebhookKey":
    """Have the provider deliver events of messages to this address; prints the key once.

    Example: attackacrack provider register-webhook https://texts.example.com/webhooks/openphone
    """
    from services.core.usecases.operations.provider_webhook import register_webhook as register

    return register(context, url, by=by)


@verb(group, "rotate", show=_show_key)
def rotate(
    context: "Context",
    webhook: Annotated[str | None, typer.Argument(help="The webhook's id.", show_default="of the settings")] = None,
    by: By = SOMEBODY,
) -> "views.WebhookKey":
    """Change the webhook's key; prints the new one once, and how to set two.

    Example: attackacrack provider rotate
    """
    from services.core.usecases.operations.provider_webhook import rotate_webhook

    return rotate_webhook(context, webhook, by=by)


@verb(group, "checklist", show=_show_items, fails=lambda checklist: not checklist.is_settled)
def checklist(
    context: "Context",
    answer: Annotated[str | None, typer.Option("--answer", help="An item's key.", show_default=False)] = None,
    state: Annotated[str, typer.Option("--state", help="settled, not_needed or open.")] = "settled",
    note: Annotated[str, typer.Option("--note", help="What was found.")] = "",
    by: By = SOMEBODY,
) -> "views.Checklist":
    """What only the live account answers, before the first production send. On a terminal it asks for each open item;
    answers are kept in the audit. Fails while an item is open.

    Example: attackacrack provider checklist --answer daily_cap --note "1,500 a day, by support"
    """
    from services.core.domain.failures import RefusedInput
    from services.core.usecases.operations.checklist import answer_checklist, read_checklist
    from services.core.views.provider import ChecklistState

    if state not in tuple(ChecklistState):
        raise RefusedInput("state_unknown", "the state is settled, not_needed or open", pointer="state")
    if answer is not None:
        answer_checklist(context, answer, ChecklistState(state), note=note, by=by)
    elif sys.stdin.isatty():
        _walk(context, by=by)
    return read_checklist(context)


def _walk(context: "Context", *, by: str) -> None:
    """Ask for each open item; an empty answer leaves it open."""
    from services.core.usecases.operations.checklist import answer_checklist, read_checklist
    from services.core.views.provider import ChecklistState

    for item in read_checklist(context).items:
        if item.state is not ChecklistState.OPEN:
            continue
        typer.echo(f"\n{item.question}\n  {item.how}", err=True)
        found = typer.prompt("  found (empty: later; -: not needed)", default="", show_default=False, err=True)
        if found.strip() == "-":
            answer_checklist(context, item.key, ChecklistState.NOT_NEEDED, note="not needed here", by=by)
        elif found.strip():
            answer_checklist(context, item.key, ChecklistState.SETTLED, note=found, by=by)
