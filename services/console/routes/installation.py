"""The installation: its health, the switch that stops all sending, and the clock of a simulated one."""

from services.console.endpoints import AtProvider, By, Endpoint, Work
from services.console.shapes import installation as shapes
from services.core.domain.access import Role
from services.core.usecases.operations import health as check_health
from services.core.usecases.operations import installation_verbs, recover
from services.core.usecases.operations.installation_verbs import ClockState, SendingState
from services.core.usecases.operations.recover import Recovery


def show_health(work: Work) -> shapes.Health:
    """Look at every part now; what isn't well comes with its remedy."""
    return shapes.Health.model_validate(check_health.check_health(work, keep=False))


def show_sending(work: Work) -> SendingState:
    """Whether texts may leave."""
    return installation_verbs.sending_state(work)


def stop_sending(work: Work, by: By, stop: shapes.StopSending) -> SendingState:
    """Let nothing more be submitted, from the next submission on."""
    return installation_verbs.stop_sending(work, reason=stop.reason, by=by)


def resume_sending(work: Work, by: By) -> SendingState:
    """Send again; closes the breaker, too."""
    return installation_verbs.resume_sending(work, by=by)


def recover_database(provided: AtProvider, by: By) -> Recovery:
    """Learn from the provider what a restored or moved database forgot."""
    return recover.recover(provided, by=by)


def adopt_database(provided: AtProvider, by: By, adopt: shapes.AdoptDatabase) -> Recovery:
    """Vouch for a restored or moved database: what is due is sent from now on."""
    return recover.adopt(provided, reason=adopt.reason, by=by)


def show_clock(work: Work) -> ClockState:
    """Product time, and how far it is ahead of the database's own."""
    return installation_verbs.read_clock(work)


def move_clock(work: Work, by: By, move: shapes.MoveClock) -> ClockState:
    """Move product time forward; only while the provider is the simulator."""
    return installation_verbs.move_clock(work, move.to, by=by)


ENDPOINTS = (
    Endpoint(verb="health", method="GET", path="/health", role=Role.VIEWER, handler=show_health, answer=shapes.Health),
    Endpoint(
        verb="sending status",
        method="GET",
        path="/sending",
        role=Role.VIEWER,
        handler=show_sending,
        answer=shapes.Sending,
    ),
    Endpoint(
        verb="sending stop",
        method="POST",
        path="/sending/stop",
        role=Role.OPERATOR,
        handler=stop_sending,
        answer=shapes.Sending,
    ),
    Endpoint(
        verb="sending resume",
        method="POST",
        path="/sending/resume",
        role=Role.ADMIN,
        handler=resume_sending,
        answer=shapes.Sending,
    ),
    Endpoint(
        verb="sending recover",
        method="POST",
        path="/sending/recover",
        role=Role.ADMIN,
        handler=recover_database,
        answer=shapes.Recovery,
    ),
    Endpoint(
        verb="sending adopt",
        method="POST",
        path="/sending/adopt",
        role=Role.ADMIN,
        handler=adopt_database,
        answer=shapes.Recovery,
    ),
    Endpoint(verb="clock show", method="GET", path="/clock", role=Role.VIEWER, handler=show_clock, answer=shapes.Clock),
    Endpoint(verb="clock move", method="POST", path="/clock", role=Role.ADMIN, handler=move_clock, answer=shapes.Clock),
)
