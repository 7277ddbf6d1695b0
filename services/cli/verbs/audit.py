"""The record of who did what, when and from where."""

from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.output import listing
from services.cli.verb import LARGEST_ID, Limit, verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views import audit as views
    from services.core.views.values import Page

group = typer.Typer(help="Who did what, when and from where.", no_args_is_help=True)

COLUMNS = ("entry_id", "at", "actor", "act", "subject", "subject_id", "address", "detail")


@verb(group, "list", show=listing(*COLUMNS))
def list_(
    context: "Context",
    actor: Annotated[str | None, typer.Option("--actor", help="Of one person or token.")] = None,
    act: Annotated[str | None, typer.Option("--act", help="Of one kind, as message.released.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="About one kind of thing, as contact.")] = None,
    subject_id: Annotated[
        int | None, typer.Option("--subject-id", min=1, max=LARGEST_ID, help="About one of them.", show_default=False)
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="From this instant on.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Before this instant.")] = None,
    limit: Limit = 100,
    before: Annotated[
        int | None, typer.Option("--after", "--before", min=1, max=LARGEST_ID, help="Go on below this id.")
    ] = None,
) -> "Page[views.AuditEntry]":
    """Acts, newest first.

    Example: attackacrack audit list --act message.released --since 2026-11-24T09:00:00-05:00
    """
    from services.cli.values import read_instant
    from services.core.usecases.operations.audit import list_audit

    return list_audit(
        context,
        actor=actor,
        act=act,
        subject=subject,
        subject_id=subject_id,
        since=read_instant(since) if since is not None else None,
        until=read_instant(until) if until is not None else None,
        before=before,
        limit=limit,
    )
