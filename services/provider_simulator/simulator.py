"""The whole simulator, put together from its settings and from what its journal remembers."""

from datetime import timedelta

from services.provider_simulator.clock import Clock
from services.provider_simulator.contacts import Contacts
from services.provider_simulator.deliveries import Deliveries
from services.provider_simulator.faults import Faults
from services.provider_simulator.journal import Journal
from services.provider_simulator.ledger import Ledger
from services.provider_simulator.life import Life
from services.provider_simulator.limits import Histogram, RateLimit
from services.provider_simulator.messages import Messages
from services.provider_simulator.schedule import Schedule
from services.provider_simulator.settings import Settings
from services.provider_simulator.signing import Scheme
from services.provider_simulator.webhooks import Webhooks


class Simulator:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.journal = Journal(settings.state)
        self.clock = Clock(timedelta(seconds=max(settings.clock_offset, _kept_offset(self.journal))))
        self.ledger = Ledger(settings.ledger, self.clock)
        self.schedule = Schedule()
        self.limit = RateLimit(settings.rate)
        self.histogram = Histogram()
        self.faults = Faults(self.journal)
        self.contacts = Contacts(self.journal)
        self.messages = Messages(self.journal)
        self.webhooks = Webhooks(
            self.journal, self.clock, user_id=settings.user_id, organization_id=settings.organization_id
        )
        self.deliveries = Deliveries(settings, self.clock, self.journal, self.ledger, self.schedule, self.webhooks)
        self.life = Life(
            settings,
            self.clock,
            self.journal,
            self.ledger,
            self.schedule,
            self.messages,
            self.contacts,
            self.deliveries,
        )
        self.rate_limited_sends: dict[str, int] = {}
        self.resets = 0

    async def start(self) -> None:
        """Repair the ledger, register the webhooks of the settings, resume every life and delivery."""
        self.ledger.restore(self.messages.oldest_first())
        await self.ledger.flush()
        if self.settings.webhook_url:
            keys = {
                Scheme.STANDARD: self.settings.webhook_standard_key,
                Scheme.LEGACY: self.settings.webhook_legacy_key,
            }
            for scheme, key in keys.items():
                self.webhooks.ensure(scheme, url=self.settings.webhook_url, key=key)
        self.deliveries.resume()
        self.life.resume()
        await self.journal.flush()

    async def stop(self) -> None:
        await self.schedule.close()
        await self.deliveries.close()
        await self.ledger.close()
        await self.journal.close()

    def move_clock(self, offset: timedelta) -> None:
        """Raises `ClockMovesForwardOnly`."""
        self.clock.move_to(offset)
        self.journal.put("clock", "offset", offset.total_seconds())

    def reset(self, *, keep_webhooks: bool) -> None:
        """Forget everything but the clock, the ledger and, if asked, the webhooks; also requests not yet answered."""
        self.resets += 1
        self.schedule.clear()
        self.messages.reset()
        self.contacts.reset()
        self.faults.reset()
        self.deliveries.reset()
        self.rate_limited_sends.clear()
        self.histogram = Histogram()
        if not keep_webhooks:
            self.webhooks.reset()


def _kept_offset(journal: Journal) -> float:
    return float(str(journal.found.get("clock", {}).get("offset", 0)))
