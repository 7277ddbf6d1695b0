"""One act of the product in a process of its own, forked from a server that has everything imported."""

import json
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

from services.core.runtime import failpoints
from services.core.runtime.failpoints import FailpointRaised
from services.core.runtime.settings import read_settings
from services.core.storage import imports
from services.core.storage.database import DatabaseUnavailable
from services.core.storage.rights import Component
from services.core.usecases.campaigns.start import start_campaign
from services.core.usecases.contacts.confirm_import import confirm_import
from services.core.usecases.context import Context
from services.core.usecases.messages.dispatch import Dispatcher
from services.core.usecases.messages.reconcile import reconcile_messages
from services.core.usecases.messages.send import send_messages
from services.core.usecases.operations.recover import adopt
from services.core.usecases.operations.sweep import sweep
from services.core.usecases.webhooks.accept import ReadWebhook, read_webhook, store_webhooks
from services.core.usecases.webhooks.audit_gaps import audit_gaps
from services.core.usecases.webhooks.handle import handle_events


@dataclass(frozen=True, slots=True)
class Ended:
    """How an act ended: `done`, `raised` by its failpoint, `database` unavailable, or the traceback of anything else.

    `passes` counts how often the armed point was passed; a process that was killed says neither.
    """

    how: str
    passes: int


def run(act: str, armed: str, arguments: tuple[Any, ...], settings: dict[str, Any], report: Connection) -> None:
    """Do it with the failpoints armed and report how it ended; a failpoint may end the process before that."""
    context = Context(read_settings(**settings))
    failpoints.arm(armed)
    try:
        ACTS[act](context, *arguments)
        how = "done"
    except FailpointRaised:
        how = "raised"
    except DatabaseUnavailable:
        how = "database"
    except BaseException:  # noqa: BLE001 - it is handed to the test
        how = traceback.format_exc()
    report.send(Ended(how, failpoints.passes(armed.partition("=")[0])))
    context.close()
    sys.exit(0)


def _accept(context: Context, raw: str, headers: str, at: str) -> None:
    webhook = read_webhook(context, raw.encode(), json.loads(headers), at=datetime.fromisoformat(at), traceparent=None)
    assert isinstance(webhook, ReadWebhook)
    store_webhooks(context, [webhook])


def _confirm(context: Context, import_id: int) -> None:
    """In chunks of two rows, so that few make many of them."""
    imports.ROWS_AT_ONCE = 2
    confirm_import(context, import_id, by="a drill")


ACTORS = {
    "accept": Component.WEBHOOK_INGRESS,
    "adopt": Component.CONSOLE,
    "audit": Component.OPERATIONS_WORKER,
    "confirm": Component.CONSOLE,
    "dispatch": Component.BEAT,
    "handle": Component.WEBHOOK_WORKER,
    "reconcile": Component.OPERATIONS_WORKER,
    "send": Component.CAMPAIGN_WORKER,
    "start": Component.CONSOLE,
    "sweep": Component.BEAT,
}
"""Who does it in earnest."""

ACTS: dict[str, Callable[..., object]] = {
    "accept": _accept,
    "adopt": lambda context: adopt(context, reason="a drill", by="a drill"),
    "audit": audit_gaps,
    "confirm": _confirm,
    "dispatch": lambda context: Dispatcher(context).dispatch(),
    "handle": lambda context, *ids: handle_events(context, ids),
    "reconcile": lambda context, *ids: reconcile_messages(context, ids),
    "send": lambda context, *ids: send_messages(context, ids),
    "start": lambda context, campaign_id, plan_hash: start_campaign(
        context, campaign_id, plan_hash=plan_hash, by="a drill"
    ),
    "sweep": sweep,
}
