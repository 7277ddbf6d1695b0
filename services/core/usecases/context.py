"""What a process works with, made once from its settings: its database, broker, limiter and provider.

A part's module is imported where the part is opened: Celery, Redis' client and the provider's are two thirds of what
there is to import, and most commands need none of them.
"""

import hashlib
import os
from datetime import timedelta
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING

import structlog

from services.core.domain.lineage import Standing
from services.core.domain.sending_window import DEFAULT_WINDOW, SendingWindow
from services.core.runtime.settings import ProviderKind, Settings, SettingsInvalid
from services.core.runtime.settings import settings as read_current
from services.core.storage import installation
from services.core.storage.database import Database

if TYPE_CHECKING:
    from services.core.openphone.client import OpenPhoneClient
    from services.core.queue.enqueue import Broker
    from services.core.queue.inspection import Inspector
    from services.core.queue.throttle import Throttle
    from services.core.queue.witness import Witness

log = structlog.get_logger()

READ_WAIT = timedelta(seconds=10)


class Context:
    """One per process, made after the fork. Parts are opened at their first use, so a role needs only its own."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.vouched: Standing | None = None
        """The run of the database that this process may send from; see `usecases.operations.vouch`."""

    @cached_property
    def database(self) -> Database:
        url = self.settings.database_url.get_secret_value()
        if not url:
            raise SettingsInvalid("ATTACKACRACK_DATABASE_URL: it is empty; name the PostgreSQL database to use")
        return Database(url, pool_size=self.settings.database_pool_size, application=self.settings.service_name)

    @cached_property
    def broker(self) -> "Broker":
        from services.core.queue.enqueue import Broker

        return Broker(self.settings)

    @cached_property
    def inspector(self) -> "Inspector":
        from services.core.queue.inspection import Inspector

        return Inspector(self.settings)

    @cached_property
    def throttle(self) -> "Throttle":
        from services.core.queue.throttle import Throttle

        return Throttle(
            self.settings.redis_url.get_secret_value(),
            rate=self.settings.provider_rate,
            read_share=self.settings.provider_read_share,
            name=self.key_fingerprint,
        )

    @cached_property
    def witness(self) -> "Witness":
        from services.core.queue.witness import Witness

        return Witness(self.settings.redis_url.get_secret_value(), name=self.key_fingerprint)

    @cached_property
    def provider(self) -> "OpenPhoneClient":
        from services.core.openphone.client import OpenPhoneClient

        return OpenPhoneClient(
            base_url=self.settings.provider_base_url,
            api_key=self.settings.provider_api_key.get_secret_value(),
            deadline=self.settings.timings.http_deadline,
            before_read=self._take_read_slot,
        )

    @property
    def key_fingerprint(self) -> str:
        """Tells one sending number's workspace from another; its API keys share it, so that a key can be rotated."""
        key = self.settings.provider_phone_number_id or self.settings.provider_base_url
        return hashlib.sha256(key.encode()).hexdigest()[:16]

    @property
    def is_simulated(self) -> bool:
        return self.settings.provider is ProviderKind.SIMULATOR

    @property
    def window(self) -> SendingWindow:
        """The installation's business window."""
        return SendingWindow(
            weekdays=DEFAULT_WINDOW.weekdays,
            opens=DEFAULT_WINDOW.opens,
            closes=DEFAULT_WINDOW.closes,
            zone=self.settings.business_zone,
            closed_days=frozenset(self.settings.closed_days),
        )

    def prepare(self) -> None:
        """Check that this process may work on this database; make the installation's row at the first start.

        Raises `DurabilityWeakened` or `InstallationMismatch`.
        """
        self.database.check_durability()
        with self.database.transaction() as session:
            row = installation.ensure(
                session,
                provider=self.settings.provider,
                environment=self.settings.environment,
                key_fingerprint=self.key_fingerprint,
                place=self.settings.place,
            )
            if row.is_rewound:
                log.error("installation.rewound", remedy="attackacrack sending recover, then adopt")

    def close(self) -> None:
        self.vouched = None
        for name in ("provider", "throttle", "witness", "inspector", "broker", "database"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    def _take_read_slot(self) -> None:
        """Wait for a slot of the share that reads have; raises `ProviderThrottled` when none comes in time."""
        from services.core.openphone.errors import ProviderThrottled

        if self.throttle.take("read", within=READ_WAIT) is None:
            raise ProviderThrottled("our own share of the rate for reads is used up", retry_after=None)


_contexts: dict[int, Context] = {}


def process_context() -> Context:
    """This process's own context, made at its first use: a forked child never shares its parent's connections."""
    pid = os.getpid()
    if pid not in _contexts:
        _contexts[pid] = Context(read_current())
    return _contexts[pid]


def load_parts() -> None:
    """Import what the parts stand on, before a fork: pages that are read before it are shared by all children."""
    for module in ("openphone.client", "queue.enqueue", "queue.inspection", "queue.throttle", "queue.witness"):
        import_module(f"services.core.{module}")


def open_context(settings: Settings) -> Context:
    """A context for this process; the caller closes it."""
    return Context(settings)
