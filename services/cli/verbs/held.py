"""Held messages: evidence first, then a named person's decision with its reason."""

from collections.abc import Callable
from datetime import timedelta
from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import typer

from services.cli.output import listing, plain, record, rows_table
from services.cli.people import OwnToken, SecondToken, together
from services.cli.verb import After, Id, Limit, Reason, verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views.held import Decided, Held, SeveralHeld
    from services.core.views.values import Page

Result = TypeVar("Result")

COLUMNS = ("message_id", "campaign_id", "phone", "reason", "risk")
PATIENCE = 15.0
SHORTLY = timedelta(seconds=1)

Person = Annotated[str, typer.Option("--by", help="Who decides, by name.")]

Campaign = Annotated[str | None, typer.Option("--campaign", help="Of this campaign, by id or name.")]
OlderThan = Annotated[str | None, typer.Option("--older-than", help="Held for at least so long, such as PT1H.")]
HeldFor = Annotated[str | None, typer.Option("--held-for", help="Held for this reason, as held list shows it.")]
Apply = Annotated[bool, typer.Option("--apply", help="Do it; without, only say how many and which.")]

group = typer.Typer(help="Messages that nobody can prove to have left, or not.", no_args_is_help=True)


def _evidence(held: "Held", zone: ZoneInfo) -> list[Any]:
    shown: list[Any] = [*record(held, zone)]
    for attempt in held.attempts:
        if attempt.looks:
            shown.append(f"attempt {attempt.number}, looks at the provider's list:")
            shown.append(rows_table(attempt.looks, ("at", "listed", "candidates", "control_seen"), zone))
    return shown


def _decided(decided: "Decided", zone: ZoneInfo) -> list[Any]:
    done = "would be decided; add --apply to do it" if decided.dry_run else "decided"
    counts = f"{decided.matched} held, {len(decided.items)} {done}, {len(decided.refused)} refused, {decided.left} left"
    refused = [plain(f"message {each.message_id} stays held: {each.detail}") for each in decided.refused]
    return [rows_table(decided.items, COLUMNS, zone), counts, *refused]


@verb(group, "list", show=listing(*COLUMNS))
def list_(context: "Context", limit: Limit = 100, after: After = 0) -> "Page[Held]":
    """Held messages by id, with what a release would risk.

    Example: attackacrack held list
    """
    from services.core.usecases.messages.held.find import list_held

    return list_held(context, after=after, limit=limit)


@verb(group, "show", show=_evidence)
def show(context: "Context", message: Id) -> "Held":
    """The evidence: attempts, their outcomes, and every look at the provider's list.

    Example: attackacrack held show 42
    """
    from services.core.usecases.messages.held.find import show_held

    return show_held(context, message)


@verb(group, "release", show=_evidence)
def release(
    context: "Context",
    message: Id,
    by: Person,
    reason: Reason,
    own_token: OwnToken = None,
    second_token: SecondToken = None,
) -> "Held":
    """Send it after all: only if the provider's list, asked once more now, still does not show it.

    Above fifty a day two people agree, each with a token of their own; a typed name proves nobody.

    Example: attackacrack held release 42 --by maria --reason "called her: nothing came"
    """
    from services.core.usecases.messages.held.release import release_held
    from services.core.views.held import Decision

    decision = Decision.read(reason=reason)
    _show_first(context, message)

    def act(by: str, second: str | None) -> "Held":
        return _when_free(lambda: release_held(context, message, decision, by=by, second=second))

    return together(context, act, by=by, own=own_token, second=second_token)


@verb(group, "bind", show=_evidence)
def bind(
    context: "Context",
    message: Id,
    provider_message_id: Annotated[str, typer.Argument(show_default=False)],
    by: Person,
    reason: Reason,
) -> "Held":
    """Say which of the provider's messages it is: then it was sent.

    Example: attackacrack held bind 42 MSG123 --by maria --reason "same text, seen in the app"
    """
    from services.core.usecases.messages.held.bind import bind_held
    from services.core.views.held import Binding

    binding = Binding.read(provider_message_id=provider_message_id, reason=reason)
    _show_first(context, message)
    return _when_free(lambda: bind_held(context, message, binding, by=by))


@verb(group, "cancel", show=_evidence)
def cancel(context: "Context", message: Id, by: Person, reason: Reason) -> "Held":
    """Leave it at that: it is never sent again.

    Example: attackacrack held cancel 42 --by maria --reason "the offer is over"
    """
    from services.core.usecases.messages.held.cancel import cancel_held
    from services.core.views.held import Decision

    decision = Decision.read(reason=reason)
    _show_first(context, message)
    return cancel_held(context, message, decision, by=by)


@verb(group, "release-many", show=_decided, fails=lambda decided: bool(decided.refused))
def release_many(
    context: "Context",
    by: Person,
    reason: Reason,
    campaign: Campaign = None,
    older_than: OlderThan = None,
    held_for: HeldFor = None,
    own_token: OwnToken = None,
    second_token: SecondToken = None,
    apply: Apply = False,
    limit: Limit = 100,
) -> "Decided":
    """Release the oldest of those that a filter names, each as `release` does; without --apply only say which.

    Example: attackacrack held release-many --campaign Spring --by maria --reason "workers were killed"
    """
    from services.core.usecases.messages.held.release import release_many_held

    chosen = _several(context, campaign, older_than, held_for=held_for, reason=reason, dry_run=not apply, limit=limit)

    def act(by: str, second: str | None) -> "Decided":
        return release_many_held(context, chosen, by=by, second=second)

    return together(context, act, by=by, own=own_token, second=second_token)


@verb(group, "cancel-many", show=_decided, fails=lambda decided: bool(decided.refused))
def cancel_many(
    context: "Context",
    by: Person,
    reason: Reason,
    campaign: Campaign = None,
    older_than: OlderThan = None,
    held_for: HeldFor = None,
    apply: Apply = False,
    limit: Limit = 100,
) -> "Decided":
    """Leave it at that for the oldest of those that a filter names; without --apply only say which.

    Example: attackacrack held cancel-many --campaign Spring --by maria --reason "the offer is over" --apply
    """
    from services.core.usecases.messages.held.cancel import cancel_many_held

    chosen = _several(context, campaign, older_than, held_for=held_for, reason=reason, dry_run=not apply, limit=limit)
    return cancel_many_held(context, chosen, by=by)


def _several(context: "Context", campaign: str | None, older_than: str | None, **given: object) -> "SeveralHeld":
    from services.cli.values import read_duration
    from services.core.usecases.campaigns.find import campaign_id_of
    from services.core.views.held import SeveralHeld

    return SeveralHeld.read(
        campaign_id=campaign_id_of(context, campaign) if campaign is not None else None,
        older_than=read_duration(older_than) if older_than is not None else None,
        **given,
    )


def _show_first(context: "Context", message_id: int) -> None:
    """Put the evidence before the person, beside the result that follows."""
    from rich.console import Console

    from services.core.usecases.messages.held.find import show_held

    screen = Console(stderr=True, highlight=False, width=200)
    for part in _evidence(show_held(context, message_id), ZoneInfo(context.settings.business_zone)):
        screen.print(part)


def _when_free(act: Callable[[], Result]) -> Result:
    """Do what asks the provider as soon as the shared rate has room for it; a person can wait some seconds."""
    from services.core.openphone.errors import ProviderThrottled

    deadline = monotonic() + PATIENCE
    while True:
        try:
            return act()
        except ProviderThrottled as throttled:
            pause = (throttled.retry_after or SHORTLY).total_seconds()
            if monotonic() + pause > deadline:
                raise
            sleep(pause)
