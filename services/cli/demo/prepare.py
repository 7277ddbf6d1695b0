"""What a fresh stack needs before anybody uses it: the API's token, and one clock for us and the provider."""

from pathlib import Path

from services.cli.demo.provider import Simulator
from services.cli.laptop.identity import Identity
from services.cli.stack_settings import find_settings
from services.core.storage import tokens
from services.core.usecases.context import Context, open_context
from services.core.usecases.operations.clock import align_clocks

TOKEN_NAME = "laptop"  # noqa: S105 - the token's name, not the token


def stack_context(data: Path) -> Context:
    """A context on the stack of a data folder; the caller closes it."""
    return open_context(find_settings(data))


def prepare(data: Path, identity: Identity) -> None:
    """Store the token, set the simulator's clock, fetch what it could not deliver meanwhile."""
    context, simulator = stack_context(data), Simulator(identity.url("simulator"))
    try:
        with context.database.transaction() as session:
            tokens.ensure(session, identity.api_token, name=TOKEN_NAME, role="admin")
        align_clocks(context, by=TOKEN_NAME)
        simulator.hurry_deliveries()
    finally:
        simulator.close()
        context.close()
