"""What a stack needs before anybody uses it: the API's token, a way in, one clock, and word of a rewind."""

from contextlib import suppress
from pathlib import Path

from services.cli.demo.provider import Simulator
from services.cli.laptop.identity import Identity
from services.cli.stack_settings import find_settings
from services.core.domain.access import Role
from services.core.domain.failures import Conflict
from services.core.storage import tokens
from services.core.usecases.context import Context, open_context
from services.core.usecases.operations.clock import align_clocks
from services.core.usecases.operations.sending import sending_state
from services.core.usecases.users.invite import invite, link_user
from services.core.views.users import SignInLink

OWNER = "owner"
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


def enter_link(data: Path) -> SignInLink:
    """A link by which the stack's owner, an admin, enters the console once."""
    context = stack_context(data)
    try:
        with suppress(Conflict):
            return invite(context, OWNER, role=Role.ADMIN, by=TOKEN_NAME)
        return link_user(context, OWNER, by=TOKEN_NAME)
    finally:
        context.close()


def why_nothing_is_sent(data: Path) -> str | None:
    """The reason to take the stack's database for one that has forgotten what was sent, with the remedy; else None."""
    context = stack_context(data)
    try:
        because = sending_state(context).rewound_because
    finally:
        context.close()
    return None if because is None else nothing_is_sent(because, data)


def nothing_is_sent(because: str, data: Path) -> str:
    """What to say, and to do, where the database may have forgotten what was sent."""
    return (
        f"nothing is sent: {because}\n"
        f"  attackacrack sending recover --data {data}\n"
        f"  attackacrack sending adopt --data {data} --reason WHY"
    )
