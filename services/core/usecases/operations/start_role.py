"""What every role does first: logs, failpoints, and the checks that let it work on this database at all."""

import sys
from collections.abc import Callable, Collection
from datetime import timedelta
from time import monotonic, sleep

import structlog

from services.core.queue.fitness import BrokerRefused, check_broker
from services.core.runtime import failpoints
from services.core.runtime.exporting import exported_metrics
from services.core.runtime.failpoints import FailpointsInvalid
from services.core.runtime.logs import configure_logs
from services.core.runtime.settings import Settings, SettingsInvalid, settings
from services.core.storage import rights
from services.core.storage.database import (
    SETTING,
    DatabaseRefused,
    DatabaseUnavailable,
    DurabilityWeakened,
    RightMissing,
)
from services.core.storage.installation import InstallationMismatch
from services.core.storage.rights import Component
from services.core.storage.schema import SchemaNotReady, SchemaTooNew, wait_for_schema
from services.core.usecases.context import Context, open_context
from services.core.usecases.instruments import INSTRUMENTS
from services.core.usecases.operations.judge_settings import judge_settings

log = structlog.get_logger()

SCHEMA_WAIT = timedelta(minutes=10)
DATABASE_EVERY = timedelta(seconds=2)
REFUSALS = (
    SettingsInvalid,
    FailpointsInvalid,
    SchemaTooNew,
    SchemaNotReady,
    DurabilityWeakened,
    InstallationMismatch,
    DatabaseUnavailable,
    RightMissing,
    BrokerRefused,
)


def start_role(
    run: Callable[[Settings], None],
    *,
    has_children: bool = False,
    needs: Collection[str] = (),
    component: Component | None = None,
) -> None:
    """Prepare this process and run the role, which is of no use without the settings that it `needs`.

    A refusal is one line and exit code 1: it names the setting and the remedy, never the value.
    """
    try:
        configured = settings()
        judge_settings(configured, needs=("database_url", *needs))
    except SettingsInvalid as error:
        sys.exit(f"settings refused: {error}")
    configure_logs(configured)
    try:
        failpoints.arm(configured.failpoints)
        check_database(configured, component)
        if not check_broker(configured.redis_url.get_secret_value()):
            log.warning("role.starts_without_broker", remedy="it goes on when Redis is there")
    except REFUSALS as error:
        log.error("role.refused", reason=type(error).__name__, detail=str(error))
        sys.exit(1)
    children = configured.worker_concurrency if has_children else 0
    with exported_metrics(configured, INSTRUMENTS, children=children):
        run(configured)


def check_database(configured: Settings, component: Component | None = None) -> None:
    """Wait for the schema, then make sure that this process may work on it. Raises one of `REFUSALS`."""
    context = open_context(configured)
    try:
        wait_for_schema(configured.database_url.get_secret_value(), timeout=SCHEMA_WAIT)
        _prepare(context, within=SCHEMA_WAIT)
        if component:
            _check_rights(context, component)
    finally:
        context.close()


def _check_rights(context: Context, component: Component) -> None:
    with context.database.reading() as session:
        lacking = rights.missing(session, component)
        if lacking:
            raise RightMissing(f"{SETTING}: its user lacks {', '.join(lacking)}: {rights.REMEDY}")
        if rights.shares_the_owner(session):
            log.info("role.signs_in_as_owner", component=component, remedy=rights.REMEDY)


def _prepare(context: Context, *, within: timedelta) -> None:
    """A database that goes away just now is waited for, as its schema was: a restart would not bring it back."""
    deadline = monotonic() + within.total_seconds()
    while True:
        try:
            context.prepare()
        except DatabaseRefused:
            raise
        except DatabaseUnavailable as error:
            if monotonic() > deadline:
                raise
            log.warning("role.waits_for_database", detail=str(error))
            sleep(DATABASE_EVERY.total_seconds())
        else:
            return
