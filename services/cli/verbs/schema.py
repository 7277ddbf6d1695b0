"""The database's schema."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.output import plain
from services.cli.verb import verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views.schema import SchemaGrants, SchemaState

group = typer.Typer(help="The database's schema.", no_args_is_help=True)


@verb(group, "migrate")
def migrate(context: "Context") -> "SchemaState":
    """Bring the schema to this program's revision; a repeat changes nothing.

    The logins of ATTACKACRACK_COMPONENT_PASSWORDS, {"beat": "...", ...}, are made or get that password.

    Example: attackacrack schema migrate
    """
    from services.core.storage.migrate import upgrade

    upgrade(_url(context), passwords=_passwords(context))
    return _state(context)


@verb(group, "wait")
def wait(
    context: "Context", seconds: Annotated[float, typer.Option("--seconds", min=1, max=3600, help="At most.")] = 600
) -> "SchemaState":
    """Return when the schema serves this program, and its login is there; exit code 4 when it does not in time.

    Example: attackacrack schema wait --seconds 60
    """
    from services.core.storage.schema import wait_for_schema

    wait_for_schema(_url(context), timeout=timedelta(seconds=seconds), makes_login=True)
    return _state(context)


@verb(group, "grants", show=lambda result, _zone: [plain(line) for line in result.sql.splitlines()])
def grants(
    context: "Context",
    database: Annotated[str, typer.Option("--database", help="Its name; by default that of the settings.")] = "",
) -> "SchemaGrants":
    """What gives each component a login and a password of its own, and the rights it needs: for psql, as the owner.

    `schema migrate` keeps the rights of the logins that it finds. Set a role's ATTACKACRACK_DATABASE_URL to its login.

    Example: attackacrack schema grants
    """
    from services.core.storage.rights import script
    from services.core.views.schema import SchemaGrants

    return SchemaGrants(sql=script(database or context.database.engine.url.database or ""))


@verb(group, "show")
def show(context: "Context") -> "SchemaState":
    """The revision of the database, and the one this program needs.

    Example: attackacrack schema show --json
    """
    return _state(context)


def _url(context: "Context") -> str:
    return context.settings.database_url.get_secret_value()


def _passwords(context: "Context") -> dict[str, str]:
    from services.core.runtime.settings import SettingsInvalid
    from services.core.storage.rights import Component

    given = context.settings.component_passwords
    if unknown := given.keys() - set(Component):
        known = ", ".join(Component)
        raise SettingsInvalid(f"ATTACKACRACK_COMPONENT_PASSWORDS: {min(unknown)} is no component: name {known}")
    return {component: password.get_secret_value() for component, password in given.items()}


def _state(context: "Context") -> "SchemaState":
    from services.core.storage.schema import current, head
    from services.core.views.schema import SchemaState

    with context.database.engine.connect() as connection:
        return SchemaState(revision=current(connection), head=head())
