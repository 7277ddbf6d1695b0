"""The database's schema."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.verb import verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context

group = typer.Typer(help="The database's schema.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class SchemaState:
    """`revision` is what the database has, `head` what this program was written for."""

    revision: str | None
    head: str


@verb(group, "migrate")
def migrate(context: "Context") -> SchemaState:
    """Bring the schema to this program's revision; a repeat changes nothing.

    Example: attackacrack schema migrate
    """
    from services.core.storage.migrate import upgrade

    upgrade(_url(context))
    return _state(context)


@verb(group, "wait")
def wait(
    context: "Context", seconds: Annotated[float, typer.Option("--seconds", min=1, max=3600, help="At most.")] = 600
) -> SchemaState:
    """Return when the schema serves this program; exit code 4 when it does not in time.

    Example: attackacrack schema wait --seconds 60
    """
    from services.core.storage.migrate import wait_for_schema

    wait_for_schema(_url(context), timeout=timedelta(seconds=seconds))
    return _state(context)


@verb(group, "show")
def show(context: "Context") -> SchemaState:
    """The revision of the database, and the one this program needs.

    Example: attackacrack schema show --json
    """
    return _state(context)


def _url(context: "Context") -> str:
    return context.settings.database_url.get_secret_value()


def _state(context: "Context") -> SchemaState:
    from services.core.storage.migrate import current, head

    with context.database.engine.connect() as connection:
        return SchemaState(current(connection), head())
