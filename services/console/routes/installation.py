"""The installation: its health, the switch that stops all sending, and the clock of a simulated one."""

from services.console.endpoints import AtProvider, By, Endpoint, InContext
from services.core.domain.access import Role
from services.core.usecases.operations import clock, health, recover, sending, today
from services.core.views import installation as views
from services.core.views import today as today_views


def show_today(context: InContext) -> today_views.Today:
    """The day: what goes out, what came back, and what waits for a person, the most pressing first."""
    return today.show_today(context)


def show_health(context: InContext) -> views.Health:
    """Look at every part now; what isn't well comes with its remedy."""
    return health.check_health(context, keep=False)


def show_sending(context: InContext) -> views.Sending:
    """Whether texts may leave."""
    return sending.sending_state(context)


def stop_sending(context: InContext, by: By, stop: views.StopSending) -> views.Sending:
    """Let nothing more be submitted, from the next submission on."""
    return sending.stop_sending(context, reason=stop.reason, by=by)


def resume_sending(context: InContext, by: By) -> views.Sending:
    """Send again; closes the breaker, too."""
    return sending.resume_sending(context, by=by)


def recover_database(provided: AtProvider, by: By) -> views.Recovery:
    """Learn from the provider what a restored or moved database forgot."""
    return recover.recover(provided, by=by)


def adopt_database(provided: AtProvider, by: By, adopt: views.AdoptDatabase) -> views.Recovery:
    """Vouch for a restored or moved database: what is due is sent from now on."""
    return recover.adopt(provided, reason=adopt.reason, by=by)


def show_clock(context: InContext) -> views.Clock:
    """Product time, and how far it is ahead of the database's own."""
    return clock.read_clock(context)


def move_clock(context: InContext, by: By, move: views.MoveClock) -> views.Clock:
    """Move product time forward; only while the provider is the simulator."""
    return clock.move_clock(context, move.to, by=by)


ENDPOINTS = (
    Endpoint(verb="today", method="GET", path="/today", role=Role.VIEWER, handler=show_today, answer=today_views.Today),
    Endpoint(verb="health", method="GET", path="/health", role=Role.VIEWER, handler=show_health, answer=views.Health),
    Endpoint(
        verb="sending status",
        method="GET",
        path="/sending",
        role=Role.VIEWER,
        handler=show_sending,
        answer=views.Sending,
    ),
    Endpoint(
        verb="sending stop",
        method="POST",
        path="/sending/stop",
        role=Role.OPERATOR,
        handler=stop_sending,
        answer=views.Sending,
    ),
    Endpoint(
        verb="sending resume",
        method="POST",
        path="/sending/resume",
        role=Role.ADMIN,
        handler=resume_sending,
        answer=views.Sending,
    ),
    Endpoint(
        verb="sending recover",
        method="POST",
        path="/sending/recover",
        role=Role.ADMIN,
        handler=recover_database,
        answer=views.Recovery,
    ),
    Endpoint(
        verb="sending adopt",
        method="POST",
        path="/sending/adopt",
        role=Role.ADMIN,
        handler=adopt_database,
        answer=views.Recovery,
    ),
    Endpoint(verb="clock show", method="GET", path="/clock", role=Role.VIEWER, handler=show_clock, answer=views.Clock),
    Endpoint(verb="clock move", method="POST", path="/clock", role=Role.ADMIN, handler=move_clock, answer=views.Clock),
)
