"""The console as a real server on loopback, on a database and broker of the module's own."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from services.console.app import make_app
from services.core.domain.access import Role
from services.core.http.connection import Limits, limited
from services.core.runtime.settings import Settings, read_settings
from services.core.storage import installation, tokens
from services.core.storage.models import AuditEntry
from services.core.storage.rights import Component
from services.core.usecases.context import Context
from services.core.usecases.operations.clock import align_clocks
from tests.conftest import MigratedTemplate, ValkeyProcess, signed_in
from tests.tools.browser import Browser
from tests.tools.simulator import RunningSimulator, running_simulator
from tests.tools.waiting import wait_until

Open = Callable[..., Browser]
"""Opens a browser that ends with the test."""


@dataclass
class RunningConsole:
    """The server, a client for it, and one live token for each role."""

    app: FastAPI
    context: Context
    client: httpx.Client
    tokens: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, *, role: str | None = Role.ADMIN, **options: Any) -> httpx.Response:
        """One request to the API; `role` chooses the token."""
        headers = dict(options.pop("headers", {}))
        if role is not None:
            headers.setdefault("authorization", f"Bearer {self.tokens[role]}")
        return self.client.request(method, f"/api/v1{path}", headers=headers, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.call("POST", path, **options)

    def import_csv(self, content: bytes | Iterator[bytes], **options: Any) -> httpx.Response:
        headers = {"content-type": "text/csv", **options.pop("headers", {})}
        return self.post("/contacts/imports", content=content, headers=headers, **options)

    def create_campaign(self, name: str, **changes: Any) -> dict[str, Any]:
        answer = self.post("/campaigns", json=campaign(name, **changes))
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    def audit(self, act: str) -> list[AuditEntry]:
        from sqlalchemy import select

        with self.context.database.reading() as session:
            return list(session.scalars(select(AuditEntry).where(AuditEntry.act == act).order_by(AuditEntry.id)))


def campaign(name: str, **changes: Any) -> dict[str, Any]:
    """A campaign that is taken, as a body."""
    text = "Hi {{first_name|there}}, time to look at the foundation? Reply STOP to opt out."
    return {"name": name, "template_a": text, "audience": {"all": True}} | changes


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    with running_simulator(tmp_path_factory.mktemp("simulator")) as running:
        yield running


@pytest.fixture(scope="module")
def console_settings(
    migrated_template: MigratedTemplate, valkey_process: ValkeyProcess, simulator: RunningSimulator
) -> Iterator[Settings]:
    url = migrated_template.server.create_database(template=migrated_template.name)
    yield read_settings(
        database_url=url,
        redis_url=valkey_process.url,
        provider_base_url=simulator.url,
        provider_api_key=simulator.api_key,
        provider_phone_number=simulator.phone_number,
        provider_phone_number_id=simulator.phone_number_id,
        provider_rate=1000,
    )
    migrated_template.server.drop_database(url)


@pytest.fixture(scope="module")
def console(console_settings: Settings) -> Iterator[RunningConsole]:
    context = Context(console_settings)
    with context.database.transaction() as session:
        installation.ensure(
            session,
            provider=console_settings.provider,
            environment=console_settings.environment,
            key_fingerprint=context.key_fingerprint,
        )
    align_clocks(context, by="tests")  # another module may have moved that of the simulator, which all share
    with context.database.transaction() as session:
        made = {role.value: tokens.create(session, name=f"test-{role}", role=role) for role in Role}
        made["revoked"] = tokens.create(session, name="test-revoked", role=Role.ADMIN)
        tokens.revoke(session, "test-revoked")
        ended = timedelta(seconds=-1)
        made["expired"] = tokens.create(session, name="test-expired", role=Role.ADMIN, valid_for=ended)
    own = signed_in(console_settings.database_url.get_secret_value(), Component.CONSOLE)
    app = make_app(read_settings(**console_settings.model_dump() | {"database_url": own}))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http=limited(Limits()), ws="none", log_config=None, access_log=False))
    thread = Thread(target=server.run, kwargs={"sockets": [listening]}, name="console")
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive())
    assert server.started, "the console ended at its start"
    app.state.refusals.guesses.at_most = 1_000_000  # the tests share an address, and many try what opens nothing
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with httpx.Client(base_url=address, timeout=30, trust_env=False) as client:
        yield RunningConsole(app, context, client, made)
    server.should_exit = True
    thread.join(timeout=20)
    listening.close()
    context.close()


@pytest.fixture
def browser(console: RunningConsole) -> Iterator[Open]:
    opened: list[Browser] = []

    def make(**where: str) -> Browser:
        opened.append(Browser(str(console.client.base_url), **where))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
