"""Opt-outs: who said STOP, adding one that came by another way, and lifting one on a person's word."""

from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.output import listing
from services.cli.verb import SOMEBODY, After, By, Limit, verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views import contacts as contacts_views
    from services.core.views import opt_outs as opt_outs_views
    from services.core.views.values import Page

group = typer.Typer(help="Who is not to be texted any more.", no_args_is_help=True)


@verb(group, "list", show=listing("opt_out_id", "phone", "source", "rule", "said_at", "evidence", "lifted_at"))
def list_(
    context: "Context",
    everything: Annotated[bool, typer.Option("--all", help="Also those that were lifted.")] = False,
    limit: Limit = 100,
    after: After = 0,
) -> "Page[opt_outs_views.OptOut]":
    """Opt-outs in force, by id.

    Example: attackacrack opt-outs list --json
    """
    from services.core.usecases.contacts.opt_out import list_opt_outs

    return list_opt_outs(context, after=after, limit=limit, in_force=not everything)


@verb(group, "add")
def add(
    context: "Context",
    number: Annotated[str, typer.Argument(show_default=False)],
    evidence: Annotated[str, typer.Option("--evidence", "--reason", help="How the person asked; kept as proof.")],
    by: By = SOMEBODY,
) -> "contacts_views.Contact":
    """Text a number no more; whatever waits for it is skipped.

    Example: attackacrack opt-outs add "(202) 555-0143" --evidence "asked on the phone, 2 March"
    """
    from services.core.usecases.contacts.opt_out import add_opt_out
    from services.core.views.opt_outs import NewOptOut

    return add_opt_out(context, NewOptOut.read(phone=number, evidence=evidence), by=by)


@verb(group, "lift")
def lift(
    context: "Context",
    number: Annotated[str, typer.Argument(show_default=False)],
    evidence: Annotated[
        str, typer.Option("--evidence", "--reason", help="How the person asked for it; kept as proof.")
    ],
    by: By = SOMEBODY,
) -> "contacts_views.Contact":
    """Let a number be texted again, because the person asked for it; what was skipped stays so.

    Example: attackacrack opt-outs lift "(202) 555-0143" --evidence "signed up again at the fair, form 17"
    """
    from services.core.usecases.contacts.opt_out import lift_opt_out
    from services.core.views.opt_outs import LiftOptOut

    return lift_opt_out(context, LiftOptOut.read(phone=number, evidence=evidence), by=by)
