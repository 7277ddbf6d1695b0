"""`attackacrack up`: a whole stack on this machine, with nothing but Python."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from services.cli.demo.prepare import enter_link, why_nothing_is_sent
from services.cli.demo.provider import SimulatorUnavailable
from services.cli.demo.run import CONTACTS, DemoFailed, run_demo
from services.cli.laptop.aside import run_aside
from services.cli.laptop.lock import FolderInUse
from services.cli.laptop.ports import NoFreePort
from services.cli.laptop.postgres import PostgresUnavailable
from services.cli.laptop.role_log import terminal_log
from services.cli.laptop.run_file import RunFile
from services.cli.laptop.stack import Stack, StackStopped
from services.cli.laptop.supervisor import RoleDidNotStart
from services.cli.laptop.valkey import ValkeyUnavailable
from services.core.runtime.logs import configure_logs
from services.core.runtime.settings import LogFormat, Settings
from services.core.views.users import SignInLink

DEFAULT_DATA = Path(".data")
LEAVES_WITHIN = 1.0
REFUSALS = (
    FolderInUse,
    NoFreePort,
    PostgresUnavailable,
    ValkeyUnavailable,
    RoleDidNotStart,
    DemoFailed,
    SimulatorUnavailable,
)


def up(
    data: Annotated[Path, typer.Option(envvar="ATTACKACRACK_DATA", help="The stack's folder.")] = DEFAULT_DATA,
    demo: Annotated[bool, typer.Option("--demo", help="Run a demo campaign when everything is ready.")] = False,
    leave: Annotated[bool, typer.Option("--exit", help="Stop when the demo is over (or once ready, without).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The demo's table as one JSON document.")] = False,
    contacts: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="The demo's own audience.")] = CONTACTS,
    provider_rate: Annotated[float, typer.Option(min=1, max=1000, help="Requests a second, both sides.")] = 8.0,
    port_base: Annotated[int | None, typer.Option(min=1024, max=65000, help="First port; else free ones.")] = None,
) -> None:
    """Start everything here: stores, roles and a simulated provider; Ctrl-C stops it in order.

    Example: attackacrack up --demo --exit --json
    """
    configure_logs(Settings(log_format=LogFormat.CONSOLE, log_level="WARNING"))
    cut_off = Event()
    show = partial(run_demo, data, as_json=as_json, contacts=contacts, cut_off=cut_off) if demo else None
    try:
        code = asyncio.run(_up(data, show, cut_off, leave=leave, provider_rate=provider_rate, port_base=port_base))
    except StackStopped:
        code = 0
    except REFUSALS as refusal:
        sys.stderr.write(f"attackacrack: {refusal}\n")
        code = 1
    raise typer.Exit(code)


async def _up(
    data: Path,
    show: Callable[[RunFile], bool] | None,
    cut_off: Event,
    *,
    leave: bool,
    provider_rate: float,
    port_base: int | None,
) -> int:
    log = terminal_log()
    async with Stack(data, provider_rate=provider_rate, port_base=port_base, log=log) as stack:
        await run_aside(_say_addresses, data, stack.run_file)
        code = 0
        if why := await run_aside(why_nothing_is_sent, data):
            sys.stderr.write(f"{why}\n")
            code = 0 if show is None else 1
        elif show is not None:
            code = 0 if await _beside(stack, show, cut_off) else 1
            await run_aside(_say_addresses, data, stack.run_file)
        if not leave:
            await stack.wait_stopped()
    return code


async def _beside(stack: Stack, show: Callable[[RunFile], bool], cut_off: Event) -> bool:
    """Run the demo in a thread, since the stack needs the loop; False when a promise was broken or it was cut off."""
    running = asyncio.create_task(run_aside(show, stack.run_file))
    stopped = asyncio.create_task(stack.wait_stopped())
    await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if running.done():
        return running.result()
    cut_off.set()
    with suppress(TimeoutError, DemoFailed):
        await asyncio.wait_for(running, LEAVES_WITHIN)  # it takes its bar off the screen
    sys.stderr.write("attackacrack: the demo was cut off; the next run in this folder goes on with it\n")
    return False


def _say_addresses(data: Path, run_file: RunFile) -> None:
    lines = [f"  {name:<10} {run_file.urls[name]}" for name in ("console", "flower", "ingress", "simulator")]
    link = enter_link(data)
    sys.stderr.write("\n".join(["ready:", *lines, f"  folder     {data.absolute()}", *_way_in(link), ""]))


def _way_in(link: SignInLink) -> list[str]:
    return [
        f"open this once, within ten minutes: {link.link}",
        f"another one: attackacrack users link {link.name}",
    ]
