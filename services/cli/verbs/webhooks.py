"""Received webhooks: seen, and those that were set aside replayed or discarded."""

import sys
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from services.cli.output import lines_of, listing, plain, rows_table
from services.cli.verb import LARGEST_ID, SOMEBODY, After, By, Id, Limit, verb
from services.core.domain.inbox import InboxStatus

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views import webhooks as views
    from services.core.views.values import Page

COLUMNS = ("webhook_id", "status", "reason", "event_type", "scheme", "signed_at", "received_at")

group = typer.Typer(help="What the provider told us, and what became of it.", no_args_is_help=True)


def _show_replayed(replayed: "views.WebhooksReplayed", zone: ZoneInfo) -> list[Any]:
    done = "would be replayed" if replayed.dry_run else "replayed"
    refused = [plain(f"webhook {each.webhook_id} was not replayed: {each.detail}") for each in replayed.refused]
    return [rows_table(replayed.items, COLUMNS, zone), f"{len(replayed.items)} {done}", *refused]


def _show_body(webhook: "views.WebhookBody", zone: ZoneInfo) -> list[Any]:
    names = [*COLUMNS, "event_id", "delivery_id", "api_version", "handled_at", "attempts", "trace_id", "text"]
    return [lines_of({name: getattr(webhook, name) for name in names}, zone)]


@verb(group, "list", show=listing(*COLUMNS))
def list_(
    context: "Context",
    status: Annotated[InboxStatus | None, typer.Option("--status", help="Those of one state.")] = None,
    limit: Limit = 100,
    after: After = 0,
) -> "Page[views.Webhook]":
    """Webhooks by id.

    Example: attackacrack webhooks list --status quarantined
    """
    from services.core.usecases.webhooks.find import list_webhooks

    return list_webhooks(context, status=status, after=after, limit=limit)


@verb(group, "show", show=_show_body)
def show(
    context: "Context",
    webhook: Id,
    raw: Annotated[bool, typer.Option("--raw", help="Write the very bytes and nothing else.")] = False,
) -> "views.WebhookBody":
    """One webhook with its body.

    Example: attackacrack webhooks show 7 --raw
    """
    from base64 import b64decode

    from services.core.domain.failures import Conflict
    from services.core.usecases.webhooks.find import show_webhook

    shown = show_webhook(context, webhook)
    if not raw:
        return shown
    if shown.raw is None:
        raise Conflict("webhook_erased", f"the body of webhook {webhook} was erased")
    sys.stdout.buffer.write(b64decode(shown.raw))
    sys.stdout.buffer.flush()
    raise typer.Exit


@verb(group, "replay", show=_show_replayed, fails=lambda replayed: bool(replayed.refused))
def replay(
    context: "Context",
    webhooks: Annotated[list[int] | None, typer.Argument(min=1, max=LARGEST_ID, show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="The oldest quarantined ones, up to --limit.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be replayed; change nothing.")] = False,
    limit: Limit = 100,
    by: By = SOMEBODY,
) -> "views.WebhooksReplayed":
    """Read webhooks that were set aside again, with today's code, and let them be handled; each has its effect once.

    Example: attackacrack webhooks replay --all --dry-run
    """
    from services.core.usecases.webhooks.replay import replay_webhook, replay_webhooks
    from services.core.views.webhooks import SeveralWebhooks, Webhook, WebhooksReplayed

    if bool(webhooks) == everything:
        raise typer.BadParameter("name webhooks, or --all")
    if webhooks and len(webhooks) == 1:
        replayed = replay_webhook(context, webhooks[0], by=by, dry_run=dry_run)
        return WebhooksReplayed(dry_run=dry_run, items=[Webhook.of(replayed)], refused=[], next=None)
    chosen = SeveralWebhooks.read(webhook_ids=webhooks, dry_run=dry_run, limit=limit)
    return replay_webhooks(context, chosen, by=by)


@verb(group, "discard", show=_show_body)
def discard(
    context: "Context", webhook: Id, note: Annotated[str, typer.Option("--note", help="Why; kept.")], by: By = SOMEBODY
) -> "views.WebhookBody":
    """Say that a quarantined webhook is not needed. An opt-out in it stays in force.

    Example: attackacrack webhooks discard 7 --note "a test event of the provider's"
    """
    from services.core.usecases.webhooks.discard import discard_webhook
    from services.core.views.webhooks import DiscardWebhook

    return discard_webhook(context, webhook, DiscardWebhook.read(note=note), by=by)
