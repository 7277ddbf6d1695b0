"""The installation: its health, the switch that stops all sending, and the clock of a simulated one."""

from services.console.dependencies import AtProvider, By, InContext, requires
from services.console.endpoints import api_router, verb
from services.core.domain.access import Role
from services.core.usecases.operations import clock, health, recover, sending, today
from services.core.views import installation as views
from services.core.views import today as today_views

router = api_router()


@router.get("/today", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("today"))
def show_today(context: InContext) -> today_views.Today:
    """The day: what goes out, what came back, and what waits for a person, the most pressing first."""
    return today.show_today(context)


@router.get("/health", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("health"))
def show_health(context: InContext) -> views.Health:
    """Look at every part now; what isn't well comes with its remedy."""
    return health.check_health(context, keep=False)


@router.get("/sending", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("sending status"))
def show_sending(context: InContext) -> views.Sending:
    """Whether texts may leave."""
    return sending.sending_state(context)


@router.post("/sending/stop", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("sending stop"))
def stop_sending(context: InContext, by: By, stop: views.StopSending) -> views.Sending:
    """Let nothing more be submitted, from the next submission on."""
    return sending.stop_sending(context, reason=stop.reason, by=by)


@router.post("/sending/resume", dependencies=[requires(Role.ADMIN)], openapi_extra=verb("sending resume"))
def resume_sending(context: InContext, by: By) -> views.Sending:
    """Send again; closes the breaker, too."""
    return sending.resume_sending(context, by=by)


@router.post("/sending/recover", dependencies=[requires(Role.ADMIN)], openapi_extra=verb("sending recover"))
def recover_database(provided: AtProvider, by: By) -> views.Recovery:
    """Learn from the provider what a restored or moved database forgot."""
    return recover.recover(provided, by=by)


@router.post("/sending/adopt", dependencies=[requires(Role.ADMIN)], openapi_extra=verb("sending adopt"))
def adopt_database(provided: AtProvider, by: By, adopt: views.AdoptDatabase) -> views.Recovery:
    """Vouch for a restored or moved database: what is due is sent from now on."""
    return recover.adopt(provided, reason=adopt.reason, by=by)


@router.get("/clock", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("clock show"))
def show_clock(context: InContext) -> views.Clock:
    """Product time, and how far it is ahead of the database's own."""
    return clock.read_clock(context)


@router.post("/clock", dependencies=[requires(Role.ADMIN)], openapi_extra=verb("clock move"))
def move_clock(context: InContext, by: By, move: views.MoveClock) -> views.Clock:
    """Move product time forward; only while the provider is the simulator."""
    return clock.move_clock(context, move.to, by=by)
