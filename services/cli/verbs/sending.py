"""The one switch for everything that is sent."""

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import typer

from services.cli.output import record
from services.cli.verb import SOMEBODY, By, Reason, verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views import installation as views

group = typer.Typer(help="Stop everything, and go on again.", no_args_is_help=True)


def _show_state(state: "views.Sending", zone: ZoneInfo) -> list[Any]:
    if state.rewound:
        verdict = (
            "[bold red]nothing is sent: the database may have forgotten what was sent[/]; sending recover, then adopt"
        )
    elif state.stopped_at is not None:
        verdict = "[bold red]sending is stopped[/]"
    elif state.breaker_open_until is not None:
        verdict = "[bold red]sending waits: the provider refuses[/]"
    else:
        return ["texts may leave"]
    return [verdict, *record(state, zone)]


@verb(group, "stop", show=_show_state)
def stop(context: "Context", reason: Reason, by: By = SOMEBODY) -> "views.Sending":
    """Let no further text leave, from the next submission on, until somebody resumes.

    Example: attackacrack sending stop --reason "wrong list"
    """
    from services.core.usecases.operations.sending import stop_sending

    return stop_sending(context, reason=reason, by=by)


@verb(group, "resume", show=_show_state)
def resume(context: "Context", by: By = SOMEBODY) -> "views.Sending":
    """Send again; also closes the breaker that a provider's refusal opened.

    Example: attackacrack sending resume
    """
    from services.core.usecases.operations.sending import resume_sending

    return resume_sending(context, by=by)


@verb(group, "status", show=_show_state)
def status(context: "Context") -> "views.Sending":
    """Whether texts may leave, and if not, who stopped them and why.

    Example: attackacrack sending status
    """
    from services.core.usecases.operations.sending import sending_state

    return sending_state(context)


@verb(group, "recover")
def recover(context: "Context", by: By = SOMEBODY) -> "views.Recovery":
    """After the database was put back: learn from the provider what it forgot. Nothing is sent meanwhile.

    Example: attackacrack sending recover
    """
    from services.core.usecases.operations.recover import recover

    return recover(context, by=by)


@verb(group, "adopt")
def adopt(context: "Context", reason: Reason, by: By = SOMEBODY) -> "views.Recovery":
    """Vouch for a database that was put back, after reading what `recover` found: what is due is sent from now on.

    Example: attackacrack sending adopt --reason "restored last night's dump"
    """
    from services.core.usecases.operations.recover import adopt

    return adopt(context, reason=reason, by=by)
