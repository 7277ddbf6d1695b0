"""The command line as tests use it: each call a command on a stack of the test's own, its answer read back."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from redis import Redis
from typer.testing import CliRunner

from services.cli.app import app
from services.cli.demo.run import CONTACTS as DEMO_CONTACTS
from services.cli.stack_settings import VARIABLE as FOLDER
from services.core.domain.messages import MessageStatus
from services.core.runtime.settings import read_settings
from services.core.storage import contacts, installation, outbox, work
from services.core.storage.clock import product_now, real_now
from services.core.storage.models import Attempt, Message
from services.core.storage.outbox import life
from services.core.usecases.campaigns.create import create_campaign
from services.core.usecases.campaigns.plan import plan_campaign
from services.core.usecases.context import Context
from services.core.views.campaigns import NewCampaign

TEXT = "Hi {{first_name|there}}, free check this week. Reply STOP to opt out."


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


class CommandLine:
    """Commands on one stack; `environment` is the stack's, `context` the test's own way in."""

    def __init__(self, environment: dict[str, str], context: Context) -> None:
        self.environment = environment
        self.context = context

    def run(self, *arguments: object, **environment: str) -> Answer:
        """Run a command; keyword arguments change the environment."""
        return self.feed(b"", *arguments, **environment)

    def feed(self, stdin: bytes, *arguments: object, **environment: str) -> Answer:
        """Run a command that reads this."""
        variables = {FOLDER: None, **self.environment, **environment}  # `--data` sets it; it is taken back
        result = CliRunner().invoke(app, list(map(str, arguments)), input=stdin, env=variables)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    def ask(self, *arguments: object, **environment: str) -> Any:
        """The command's JSON document; it must end well."""
        answer = self.run(*arguments, "--json", **environment)
        assert answer.code == 0, answer.err
        return answer.document

    def product_now(self) -> datetime:
        with self.context.database.reading() as session:
            return product_now(session)

    def set_time(self, at: datetime) -> None:
        """Move product time to an instant, which may only be later."""
        with self.context.database.transaction() as session:
            installation.move_clock(session, at - real_now(session))

    def warm_limiter(self) -> None:
        """Let the shared rate be known, as it is in a stack that runs; a new one gives out no slot for seconds."""
        with Redis.from_url(self.environment["ATTACKACRACK_REDIS_URL"], decode_responses=True) as client:
            state = {"next": 0, "next_read": 0, "run": client.info("server")["run_id"]}
            client.hset(f"throttle:{self.context.key_fingerprint}", mapping=state)

    def import_demo(self) -> int:
        return int(self.ask("contacts", "import", DEMO_CONTACTS, "--confirm")["import_id"])

    def add_campaign(self, name: str = "Spring") -> int:
        """A planned draft to one contact."""
        with self.context.database.transaction() as session:
            contacts.lock_by_number(session, "+12025550143").first_name = "Ada"
        new = NewCampaign.read(name=name, template_a=TEXT, audience={"all": True})
        draft = create_campaign(self.context, new, by="maria")
        plan_campaign(self.context, draft.campaign_id, by="maria")
        return draft.campaign_id

    def add_message(self, status: MessageStatus = MessageStatus.HELD, number: str = "+12025550143") -> int:
        """A message to a person that was attempted ten minutes ago and is now in this state."""
        with self.context.database.transaction() as session:
            contact = contacts.lock_by_number(session, number)
            message = Message(
                direction="outgoing",
                kind="marketing",
                contact_id=contact.id,
                e164=number,
                sender=self.context.settings.provider_phone_number,
                sender_phone_number_id=self.context.settings.provider_phone_number_id,
                body=f"Hello {number}",
                body_hash=b"hash",
                segments=1,
                status=MessageStatus.PENDING,
                not_before=product_now(session),
            )
            session.add(message)
            session.flush()
            claim = outbox.claim(session, [message.id], lease=timedelta(minutes=1))[0]
            session.refresh(message)
            if status is MessageStatus.PENDING:
                return message.id
            at = product_now(session)
            attempt: Attempt = life.begin(session, message, at=at, lease=timedelta(minutes=1), next_look_at=at)
            attempt.outcome, attempt.finished_at = "unknown", at
            message.status, message.lease_until = status, None
            message.reason = "absent"
            assert claim.fence == message.fence
            return message.id

    def add_reply(self, number: str = "+12025550147", said: str = "how much is it?") -> int:
        """A text that a person wrote to us; answers the contact's id."""
        with self.context.database.transaction() as session:
            contact = contacts.lock_by_number(session, number)
            session.add(
                Message(
                    direction="incoming",
                    kind="transactional",
                    contact_id=contact.id,
                    e164=number,
                    sender=self.context.settings.provider_phone_number,
                    sender_phone_number_id=self.context.settings.provider_phone_number_id,
                    body=said,
                    body_hash=b"hash",
                    segments=1,
                    status=MessageStatus.RECEIVED,
                    said_at=product_now(session),
                )
            )
            return contact.id

    def add_task(self, task_id: str, name: str, args: list[str]) -> None:
        """A task in the history."""
        with self.context.database.transaction() as session:
            work.count_delivery(session, task_id=task_id, name=name, args=args, traceparent=None)


@contextmanager
def command_line(environment: dict[str, str]) -> Iterator[CommandLine]:
    """A command line on a prepared installation; puts back the logging that every command sets up for itself."""
    values = {name.removeprefix("ATTACKACRACK_").lower(): value for name, value in environment.items()}
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    context = Context(read_settings(**values))
    try:
        with context.database.transaction() as session:
            installation.ensure(
                session, provider="simulator", environment="development", key_fingerprint=context.key_fingerprint
            )
        yield CommandLine(environment, context)
    finally:
        context.close()
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
