"""`attackacrack`: the operator's command line. Every verb calls one use case, and the API has the same verbs."""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from services.cli.failures import ExitCode
from services.cli.verbs import (
    audit,
    campaigns,
    clock,
    contacts,
    conversations,
    dead_letters,
    held,
    jobs,
    messages,
    opt_outs,
    provider,
    reviews,
    schedule,
    schema,
    sending,
    state,
    tasks,
    tokens,
    traces,
    users,
    webhooks,
)


class Root(TyperGroup):
    """Loads `up` when it is asked for: it brings a whole laptop with it, and every other verb would wait for that."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] == "up":
            from services.cli.up import up

            only_up = typer.Typer(add_completion=False)
            only_up.command("up")(up)
            self.add_command(typer.main.get_command(only_up), "up")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="attackacrack",
    cls=Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Text campaigns that never embarrass: none twice, none after STOP, none at night.",
    epilog="A command finds its stack by --data, else ATTACKACRACK_DATA, else the folder .data, else its environment. "
    "Exit codes: 0 ok, 1 failed or unhealthy, 2 usage, 3 refused, 4 not reachable.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"attackacrack {version('attackacrack')}")
        raise typer.Exit


@app.callback()
def choose_stack(
    data: Annotated[Path | None, typer.Option("--data", help="The stack's folder, for any verb.")] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    if data is not None:
        os.environ["ATTACKACRACK_DATA"] = str(data)


@app.command("up")
def _up() -> None:
    """Start everything here: stores, roles and a simulated provider; Ctrl-C stops it in order."""


for noun, group in {
    "campaigns": campaigns.group,
    "contacts": contacts.group,
    "opt-outs": opt_outs.group,
    "messages": messages.group,
    "held": held.group,
    "reviews": reviews.group,
    "conversations": conversations.group,
    "sending": sending.group,
    "jobs": jobs.group,
    "provider": provider.group,
    "schedule": schedule.group,
    "webhooks": webhooks.group,
    "dead-letters": dead_letters.group,
    "tasks": tasks.group,
    "clock": clock.group,
    "tokens": tokens.group,
    "users": users.group,
    "audit": audit.group,
    "traces": traces.group,
    "schema": schema.group,
}.items():
    app.add_typer(group, name=noun)
state.register(app)


def main() -> None:
    """The console script."""
    try:
        app(prog_name="attackacrack")
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
