"""How every verb runs: find the stack, call one use case, print its result, end with the right exit code."""

import functools
import inspect
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from typer._click import ClickException

from services.cli.acts import traced
from services.cli.failures import ExitCode, explain
from services.cli.output import Show, plain, record, write_json, write_shown

if TYPE_CHECKING:
    from services.core.runtime.settings import Settings

LARGEST_ID = 2**63 - 1
SOMEBODY = "operator"


Data = Annotated[
    Path | None, typer.Option("--data", help="The stack's folder.", show_default="see attackacrack --help")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")]
By = Annotated[str, typer.Option("--by", envvar="USER", help="Who acts.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")]
After = Annotated[int, typer.Option("--after", min=0, max=LARGEST_ID, help="Go on after this id.")]
NewestFirst = Annotated[bool, typer.Option("--newest-first", help="The latest first.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the act.")]
Id = Annotated[int, typer.Argument(min=1, max=LARGEST_ID, show_default=False)]

OPTIONS = (
    inspect.Parameter("data", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Data),
    inspect.Parameter("as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=AsJson),
)


def verb(
    group: typer.Typer,
    name: str,
    *,
    show: Show = record,
    fails: Callable[[Any], bool] = lambda _result: False,
) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Register a function of a context and options as a command, with `--data` and `--json`.

    What it returns is printed by `show`, or as JSON. The exit code is 1 when `fails` says so of the result.
    """

    def register(function: Callable[..., Any]) -> Callable[..., None]:
        noun = function.__module__.rpartition(".")[2].replace("_", "-")
        act = f"{noun} {name}" if "by" in inspect.signature(function).parameters else None

        @functools.wraps(function)
        def command(*, data: Path | None, as_json: bool, **options: Any) -> None:
            with reported():
                from services.cli.stack_settings import find_settings

                configured = find_settings(data)
                result = _call(function, configured, options, act=act)
                if as_json:
                    write_json(result)
                else:
                    write_shown(result, show=show, zone=ZoneInfo(configured.business_zone))
                if fails(result):
                    raise typer.Exit(ExitCode.FAILED)

        parameters = list(inspect.signature(function).parameters.values())[1:]
        keywords = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
        command.__signature__ = inspect.Signature([*keywords, *OPTIONS])  # type: ignore[attr-defined]
        command.__annotations__ = {each.name: each.annotation for each in [*keywords, *OPTIONS]}
        del command.__wrapped__  # its annotations name what is imported late
        group.command(name)(command)
        return function

    return register


def confirm_on_terminal(question: str) -> None:
    """Ask before what has no way back. Raises `Abort` on a no, `BadParameter` where nobody can be asked."""
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody can be asked here: say --yes")
    typer.confirm(question, abort=True, err=True)


@contextmanager
def reported() -> Iterator[None]:
    """Turn whatever goes wrong inside into one line on standard error and an exit code; never a traceback."""
    try:
        yield
    except (typer.Exit, typer.Abort, ClickException):
        raise
    except KeyboardInterrupt as interrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from interrupt
    except BrokenPipeError as closed:
        # Whoever read has gone: what is still in the buffer must not fail at the interpreter's end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(ExitCode.INTERRUPTED) from closed
    except Exception as error:  # a person gets one line, whatever it was
        code, line = explain(error)
        _log_where(error)
        sys.stderr.write(f"attackacrack: {plain(line)}\n")
        raise typer.Exit(code) from error


def _call(function: Callable[..., Any], configured: "Settings", options: dict[str, Any], *, act: str | None) -> Any:
    from services.core.runtime.logs import configure_logs
    from services.core.runtime.settings import LogFormat
    from services.core.usecases.context import open_context

    quiet = "WARNING" if configured.log_level == "INFO" else configured.log_level
    log_format = LogFormat.CONSOLE if sys.stderr.isatty() else LogFormat.JSON
    configure_logs(configured.model_copy(update={"log_level": quiet, "log_format": log_format}))
    context = open_context(configured)
    try:
        with traced(act, configured) if act is not None else nullcontext():
            return function(context, **options)
    finally:
        context.close()


def _log_where(error: Exception) -> None:
    logging.getLogger(__name__).debug("command.failed", exc_info=error)
