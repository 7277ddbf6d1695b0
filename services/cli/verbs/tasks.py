"""Task history, which outlives the broker."""

from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.output import listing
from services.cli.verb import LARGEST_ID, Limit, verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views import work as views
    from services.core.views.values import Page

group = typer.Typer(help="What the workers did.", no_args_is_help=True)


@verb(group, "list", show=listing("run_id", "task", "args", "deliveries", "started_at", "seconds", "outcome", "error"))
def list_(
    context: "Context",
    name: Annotated[str | None, typer.Option("--name", help="Of one task.")] = None,
    message: Annotated[
        int | None, typer.Option("--message", min=1, max=LARGEST_ID, help="About one message.", show_default=False)
    ] = None,
    campaign: Annotated[str | None, typer.Option("--campaign", help="About a campaign's messages.")] = None,
    limit: Limit = 100,
    before: Annotated[
        int | None, typer.Option("--after", "--before", min=1, max=LARGEST_ID, help="Go on below this id.")
    ] = None,
) -> "Page[views.Task]":
    """Tasks, newest first.

    Example: attackacrack tasks list --campaign "Spring check" --name send_campaign_message
    """
    from services.core.usecases.campaigns.find import campaign_id_of
    from services.core.usecases.operations.work import list_tasks

    campaign_id = campaign_id_of(context, campaign) if campaign is not None else None
    return list_tasks(context, name=name, message_id=message, campaign_id=campaign_id, before=before, limit=limit)
