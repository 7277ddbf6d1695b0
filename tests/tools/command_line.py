"""The command line as tests use it: each call a command on a stack of the test's own, its answer read back."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from typer.testing import CliRunner

from services.cli.app import app
from services.cli.demo.run import CONTACTS as DEMO_CONTACTS
from services.cli.stack_settings import VARIABLE as FOLDER
from services.core.domain.messages import MessageKind, MessageStatus
from services.core.runtime.settings import read_settings
from services.core.storage import contacts, installation, work
from services.core.storage.clock import product_now, real_now
from services.core.usecases.context import Context
from tests.tools import rows

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

    def import_demo(self) -> int:
        return int(self.ask("contacts", "import", DEMO_CONTACTS, "--confirm")["import_id"])

    def add_campaign(self, name: str = "Spring") -> int:
        """A planned draft to one contact."""
        with self.context.database.transaction() as session:
            contacts.lock_by_number(session, "+12025550143").first_name = "Ada"
        return rows.add_campaign(self.context, started=False, by="maria", name=name, template_a=TEXT)

    def add_message(self, status: MessageStatus = MessageStatus.HELD, number: str = "+12025550143") -> int:
        """A marketing text to a person that waits: for a person's decision, or to be sent."""
        add = rows.add_held_text if status is MessageStatus.HELD else rows.add_text
        contact_id = rows.known(self.context, number)
        return add(self.context, contact_id, body=f"Hello {number}", kind=MessageKind.MARKETING)

    def add_reply(self, number: str = "+12025550147", said: str = "how much is it?") -> int:
        """A text that a person wrote to us; the contact's id."""
        contact_id = rows.known(self.context, number)
        rows.add_reply(self.context, contact_id, said)
        return contact_id

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
