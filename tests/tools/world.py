"""A whole installation in a test: its own database, Valkey, and a simulator whose clock goes with the database's."""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from redis import Redis
from sqlalchemy import event as database_event
from sqlalchemy import func, select, text

from services.core.domain.messages import MessageKind
from services.core.domain.sending_window import next_business_day
from services.core.queue.names import Queue
from services.core.runtime.settings import Settings, read_settings
from services.core.storage import clock, installation
from services.core.storage.models import Attempt, CapCounter, Contact, InboxEvent, Message
from services.core.storage.rights import Component
from services.core.usecases.context import Context
from services.core.usecases.messages.reconcile import reconcile_messages
from services.core.usecases.messages.send import send_messages
from services.core.usecases.webhooks.accept import Acceptance, ReadWebhook, read_webhook, store_webhooks
from services.core.usecases.webhooks.handle import handle_events
from services.provider_simulator.signing import legacy_headers, standard_headers
from tests.conftest import signed_in
from tests.tools import rows
from tests.tools.simulator import RunningSimulator
from tests.tools.waiting import wait_until
from tests.tools.world_process import ACTORS, Ended, run

ZONE = ZoneInfo("America/New_York")
STANDARD_KEY = "whsec_c3RhbmRhcmQta2V5LW9mLWEtdGVzdA=="
LEGACY_KEY = "bGVnYWN5LWtleS1vZi1hLXRlc3Q="
WITH_STOP = "Hello {{first_name|there}} from Acme. Reply STOP to opt out."
CHILD_LIMIT_SECONDS = 60
_numbers = count(2_000_000)
_ids = count(1)
_children = multiprocessing.get_context("forkserver")
_children.set_forkserver_preload([run.__module__])


class Child:
    """One act in a process of its own. A failpoint may kill it, stop it, make it raise or hold it up."""

    def __init__(self, act: str, armed: str, arguments: Sequence[object], settings: dict[str, Any]) -> None:
        self._report, report = _children.Pipe(duplex=False)
        self._process = _children.Process(target=run, args=(act, armed, tuple(arguments), settings, report))
        self._process.start()
        report.close()

    def ended(self) -> Ended:
        """How it ended, once it has; "killed" for a process that a signal ended."""
        self._process.join(CHILD_LIMIT_SECONDS)
        assert self._process.exitcode is not None, "the act did not end in time"
        if self._process.exitcode == -signal.SIGKILL:
            return Ended("killed", 1)
        assert self._process.exitcode == 0, self._process.exitcode
        ended = self._report.recv()
        assert isinstance(ended, Ended)
        assert ended.how in ("done", "raised", "database"), ended.how
        return ended

    def await_stop(self) -> None:
        """Return when the process has stopped itself."""
        wait_until(lambda: self._state() in ("T", "", "Z"))
        assert self._state() == "T", f"it ended before its point: {self.ended()}"

    def resume(self) -> None:
        os.kill(self._process.pid or 0, signal.SIGCONT)

    def end(self) -> None:
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join(CHILD_LIMIT_SECONDS)

    def _state(self) -> str:
        try:
            return Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(") ")[2][0]
        except FileNotFoundError:
            return ""


def new_number() -> str:
    """A New York number that no other test has used."""
    return f"+1212{next(_numbers)}"


@dataclass
class World:
    """What a test acts on. Product time starts on a business day at 13:00 New York and only moves forward."""

    database_url: str
    redis_url: str
    simulator: RunningSimulator
    options: dict[str, Any] = field(default_factory=dict)
    logins_of: str = ""
    """The database by whose name each component has a login of its own; without one all act as the owner."""

    def __post_init__(self) -> None:
        self._begun: list[Child] = []
        self._acting: dict[tuple[Component, Context], Context] = {}
        self.settings = self.settings_with()
        self.context = Context(self.settings)
        with self.context.database.transaction() as session:
            installation.ensure(
                session,
                provider=self.settings.provider,
                environment=self.settings.environment,
                key_fingerprint=self.context.key_fingerprint,
                place=self.settings.place,
            )
        self._fill_limiter()
        self._lines_before = len(self.simulator.lines("text"))
        at = self._provider_now().astimezone(ZONE)
        day = next_business_day(at.date(), closed_days=frozenset())
        self.move_to(datetime.combine(day, time(13), ZONE))

    def settings_with(self, **options: Any) -> Settings:
        return read_settings(**self._values(**options))

    def _values(self, **options: Any) -> dict[str, Any]:
        values: dict[str, Any] = {
            "database_url": self.database_url,
            "database_pool_size": 10,
            "redis_url": self.redis_url,
            "provider_base_url": self.simulator.url,
            "provider_api_key": self.simulator.api_key,
            "provider_phone_number_id": self.simulator.phone_number_id,
            "provider_phone_number": self.simulator.phone_number,
            "provider_rate": 150,
            "webhook_secrets_standard": [STANDARD_KEY],
            "webhook_secrets_legacy": [LEGACY_KEY],
        }
        return values | self.options | options

    def acting(self, component: Component) -> Context:
        """A process of this component, with its own login, on the installation of `context`, which is the owner's."""
        if not self.logins_of:
            return self.context
        process = (component, self.context)
        if process not in self._acting:
            own = {"database_url": self._address(component)}
            self._acting[process] = Context(read_settings(**self.context.settings.model_dump() | own))
        return self._acting[process]

    @property
    def beat(self) -> Context:
        return self.acting(Component.BEAT)

    @property
    def campaign_worker(self) -> Context:
        return self.acting(Component.CAMPAIGN_WORKER)

    @property
    def webhook_worker(self) -> Context:
        return self.acting(Component.WEBHOOK_WORKER)

    @property
    def operations_worker(self) -> Context:
        return self.acting(Component.OPERATIONS_WORKER)

    @property
    def console(self) -> Context:
        """Who does all verbs of the operators."""
        return self.acting(Component.CONSOLE)

    def _address(self, component: Component) -> str:
        url = self.context.settings.database_url.get_secret_value()
        return signed_in(url, component, of=self.logins_of) if self.logins_of else url

    def another(self, **options: Any) -> Context:
        """A second process's context on the same installation; the caller closes it."""
        return Context(self.settings_with(**options))

    def close(self) -> None:
        for child in self._begun:
            child.end()
        self.disconnect()

    def disconnect(self) -> None:
        """Let every context of the test forget what it holds, as processes that end; each begins anew when used."""
        for context in (self.context, *self._acting.values()):
            context.close()

    def _fill_limiter(self) -> None:
        """Spare the test the three seconds that a limiter without memory waits."""
        with Redis.from_url(self.redis_url, decode_responses=True) as client:
            run = client.info("server")["run_id"]
            client.hset(f"throttle:{self.context.key_fingerprint}", mapping={"next": 1, "next_read": 0, "run": run})

    def now(self) -> datetime:
        with self.context.database.reading() as session:
            return clock.product_now(session)

    def move_to(self, at: datetime) -> None:
        """Move the database's product time and the simulator's to one instant, forward."""
        with self.context.database.transaction() as session:
            offset = at - clock.real_now(session)
            installation.move_clock(session, offset)
        self.simulator.move_clock(offset.total_seconds())

    def move(self, **duration: float) -> None:
        self.move_to(self.now() + timedelta(**duration))

    def _provider_now(self) -> datetime:
        return datetime.fromisoformat(str(self.simulator.control("GET", "/clock").json()["now"]))

    def contact(self, e164: str | None = None, **values: Any) -> int:
        return rows.add_contact(self.context, e164 or new_number(), **values)

    def message(
        self,
        e164: str | None = None,
        *,
        contact_id: int | None = None,
        body: str = "Hello. Reply STOP to opt out.",
        kind: MessageKind = MessageKind.TRANSACTIONAL,
        **values: Any,
    ) -> int:
        """A text outside any campaign, due now."""
        return rows.add_text(self.context, contact_id or self.contact(e164), body, kind=kind, **values)

    def campaign(self, *, name: str = "", people: int = 0, started: bool = True, **values: Any) -> int:
        """A campaign to all contacts, with so many new ones; planned, and running unless told otherwise."""
        for _ in range(people):
            self.contact()
        wanted = {"name": name or f"campaign {next(_ids)}", "template_a": WITH_STOP} | values
        return rows.add_campaign(self.console, started=started, **wanted)

    def send(self, *message_ids: int) -> int:
        return send_messages(self.campaign_worker, message_ids)

    def look(self, *message_ids: int) -> None:
        reconcile_messages(self.operations_worker, message_ids)

    def signed(
        self,
        body: bytes | dict[str, Any],
        *,
        delivery_id: str | None = None,
        legacy: bool = False,
        signed_at: datetime | None = None,
        traceparent: str | None = None,
    ) -> ReadWebhook:
        """A body signed as the provider signs it and read as the ingress reads it."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        at = self.now()
        headers = (
            legacy_headers(signed_at or at, raw, LEGACY_KEY)
            if legacy
            else standard_headers(delivery_id or f"delivery{next(_ids)}", signed_at or at, raw, [STANDARD_KEY])
        )
        webhook = read_webhook(self.context, raw, headers, at=at, traceparent=traceparent)
        assert isinstance(webhook, ReadWebhook), webhook
        return webhook

    def accept(self, body: bytes | dict[str, Any], **options: Any) -> Acceptance:
        """Sign and read a body as `signed` does, and store it."""
        return store_webhooks(self.acting(Component.WEBHOOK_INGRESS), [self.signed(body, **options)])[0]

    def receive(self, body: bytes | dict[str, Any], **options: Any) -> Acceptance:
        """Accept and handle."""
        acceptance = self.accept(body, **options)
        if acceptance.inbox_id is not None:
            handle_events(self.webhook_worker, [acceptance.inbox_id])
        return acceptance

    def text_from(self, e164: str, said: str, *, sent_at: datetime | None = None, **values: Any) -> dict[str, Any]:
        """The provider's event for a person's text."""
        return self.event(
            "message.received",
            sender=e164,
            recipient=self.settings.provider_phone_number,
            said=said,
            sent_at=sent_at,
            **values,
        )

    def receipt_for(
        self, kind: str, message_id: int, *, provider_id: str | None = None, occurred_at: datetime | None = None
    ) -> dict[str, Any]:
        """The provider's event about one of our texts; `kind` is delivered, undelivered or failed."""
        message = self.row(message_id)
        return self.event(
            f"message.{kind}",
            provider_id=provider_id or message.provider_message_id,
            sender=message.sender,
            recipient=message.e164,
            said=message.body or "",
            sent_at=message.submitted_at,
            occurred_at=occurred_at,
        )

    def event(
        self,
        kind: str,
        *,
        sender: str,
        recipient: str,
        said: str,
        provider_id: str | None = None,
        sent_at: datetime | None = None,
        occurred_at: datetime | None = None,
        legacy: bool = False,
    ) -> dict[str, Any]:
        number = next(_ids)
        sent_at = sent_at or self.now()
        facts = {
            "id": provider_id or f"ACtest{number}",
            "direction": "incoming" if kind == "message.received" else "outgoing",
            "text": said,
            "createdAt": _stamp(sent_at),
        }
        envelope = {"id": f"EVtest{number}", "type": kind, "createdAt": _stamp(occurred_at or sent_at)}
        if legacy:
            return {**envelope, "apiVersion": "v4", "data": {"object": {**facts, "from": sender, "to": [recipient]}}}
        context = {"senderIdentifier": sender, "recipientIdentifiers": [recipient]}
        return {**envelope, "apiVersion": "2026-03-30", "data": {"resource": facts, "context": context}}

    def row(self, message_id: int) -> Message:
        with self.context.database.reading() as session:
            return session.get_one(Message, message_id)

    def status(self, message_id: int) -> str:
        return self.row(message_id).status

    def person(self, contact_id: int) -> Contact:
        with self.context.database.reading() as session:
            return session.get_one(Contact, contact_id)

    def inbox(self, inbox_id: int) -> InboxEvent:
        with self.context.database.reading() as session:
            return session.get_one(InboxEvent, inbox_id)

    def attempt(self, message_id: int) -> Attempt:
        with self.context.database.reading() as session:
            return (
                session.scalars(
                    select(Attempt).where(Attempt.message_id == message_id).order_by(Attempt.number.desc())
                ).first()
                or Attempt()
            )

    def counted(self) -> int:
        """Texts that count against the account's daily cap, over all days."""
        with self.context.database.reading() as session:
            query = select(func.coalesce(func.sum(CapCounter.used), 0)).where(CapCounter.scope == "account")
            return int(session.scalar(query) or 0)

    def rows_of(self, campaign_id: int) -> Sequence[Message]:
        with self.context.database.reading() as session:
            return session.scalars(
                select(Message)
                .where(Message.campaign_id == campaign_id, Message.direction == "outgoing")
                .order_by(Message.id)
            ).all()

    def execute(self, statement: str, **values: Any) -> None:
        """Change rows behind the product's back, as time or a fault would."""
        with self.context.database.transaction() as session:
            session.execute(text(statement), values)

    def value(self, query: str, **values: Any) -> Any:
        """The one value that a query answers."""
        with self.context.database.reading() as session:
            return session.scalar(text(query), values)

    def rows(self, query: str, **values: Any) -> Sequence[Any]:
        """The rows that a query answers."""
        with self.context.database.reading() as session:
            return session.execute(text(query), values).all()

    def statements(self, act: Callable[[Context], object]) -> int:
        """How many statements an act of the console's sends to the database."""
        seen: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            seen.append(statement)

        context = self.console
        engine = context.database.engine
        database_event.listen(engine, "before_cursor_execute", note)
        try:
            act(context)
        finally:
            database_event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    def end_leases(self) -> None:
        """Let a lease's minute have passed, and what the server does then to a transaction that stands still."""
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'idle in transaction' AND pid <> pg_backend_pid()"
        )
        self.execute("UPDATE messages SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL")
        self.execute("UPDATE inbox SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL")
        self.execute("UPDATE messages SET published_at = published_at - interval '1 minute'")

    def lose_queues(self) -> None:
        """Let the broker forget every task, as a flush or a failover of Redis would."""
        for queue in Queue:
            self.context.inspector.purge(queue)

    def texts(self, e164: str | None = None) -> list[dict[str, object]]:
        """What the provider accepted in this test, by its own ledger."""
        lines = self.simulator.lines("text")[self._lines_before :]
        return [line for line in lines if e164 in (None, line["to"])]

    def await_texts(self, count: int) -> None:
        """Return when the provider has so many texts: one that nobody waits for any more takes its moment."""
        wait_until(lambda: len(self.texts()) >= count)

    def inbox_count(self) -> int:
        with self.context.database.reading() as session:
            return session.scalar(select(func.count()).select_from(InboxEvent)) or 0

    def delivery_in_child(self, body: dict[str, Any]) -> tuple[str, str, str]:
        """The arguments of the act "accept": the same delivery of a body each time."""
        raw, at = json.dumps(body).encode(), self.now()
        return raw.decode(), json.dumps(standard_headers("delivery-in-child", at, raw, [STANDARD_KEY])), at.isoformat()

    def child(self, act: str, *arguments: object, failpoints: str = "", **options: Any) -> Child:
        """Begin one of `world_process.ACTS` in a process of its own, with its failpoints armed."""
        address = self._address(ACTORS[act])
        self._begun.append(Child(act, failpoints, arguments, self._values(database_url=address) | options))
        return self._begun[-1]


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
