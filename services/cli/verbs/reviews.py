"""Doubtful texts that wait for a person."""

from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.output import listing
from services.cli.verb import SOMEBODY, After, By, Id, Limit, verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views import reviews as views
    from services.core.views.values import Page

group = typer.Typer(help="Texts that may have meant STOP; the contact is paused until somebody decides.")


@verb(group, "list", show=listing("review_id", "phone", "named", "text", "rule", "said_at", "decision", "decided_by"))
def list_(
    context: "Context",
    everything: Annotated[bool, typer.Option("--all", help="Also those that were decided.")] = False,
    limit: Limit = 100,
    after: After = 0,
) -> "Page[views.Review]":
    """Doubtful texts by id.

    Example: attackacrack reviews list
    """
    from services.core.usecases.contacts.reviews import list_reviews

    return list_reviews(context, after=after, limit=limit, undecided=not everything)


@verb(group, "show")
def show(context: "Context", review: Id) -> "views.Review":
    """One doubtful text, decided or not.

    Example: attackacrack reviews show 7
    """
    from services.core.usecases.contacts.reviews import show_review

    return show_review(context, review)


@verb(group, "decide")
def decide(
    context: "Context",
    review: Id,
    opt_out: Annotated[
        bool | None, typer.Option("--opt-out/--keep", help="What the person meant.", show_default=False)
    ] = None,
    other: Annotated[
        str | None, typer.Option("--opt-out-other", help="Another number that was meant.", show_default=False)
    ] = None,
    note: Annotated[str | None, typer.Option("--note", help="Kept with the decision.")] = None,
    by: By = SOMEBODY,
) -> "views.Review":
    """Say what was meant: an opt-out, in force since it was said, another number's, or none, and the contact goes on.

    Example: attackacrack reviews decide 7 --opt-out --note "called back"
    Example: attackacrack reviews decide 7 --opt-out-other "617-555-0162"
    """
    from services.core.usecases.contacts.reviews import decide_review
    from services.core.views.reviews import Decide, ReviewDecision

    if (opt_out is None) == (other is None):
        raise typer.BadParameter("say one of --opt-out, --keep and --opt-out-other NUMBER")
    if other is not None:
        decision = ReviewDecision.OPT_OUT_OTHER
    else:
        decision = ReviewDecision.OPT_OUT if opt_out else ReviewDecision.KEEP
    return decide_review(context, review, Decide.read(decision=decision, phone=other, note=note), by=by)
