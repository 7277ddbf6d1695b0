"""A database that was put back to an earlier state sends nothing until a person adopts it, and then nothing twice."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from services.cli.laptop.postgres import find_binaries
from services.core.domain.failures import Conflict, RefusedInput
from services.core.domain.messages import MessageKind
from services.core.storage import audit
from services.core.storage.models import Message
from services.core.usecases.messages.dispatch import Dispatcher
from services.core.usecases.operations.health import check_health
from services.core.usecases.operations.recover import adopt, recover
from services.core.usecases.operations.sending import sending_state
from services.core.usecases.webhooks.audit_gaps import audit_gaps
from tests.conftest import PostgresProcess
from tests.tools.world import World, new_number

PutBack = Callable[[], object]


def by_dump(world: World, _server: PostgresProcess, folder: Path) -> PutBack:
    """Keep a dump; putting it back over the same database is what a restore under a running release does."""
    programs, url, file = find_binaries(), world.database_url.replace("+psycopg", ""), str(folder / "dump")
    subprocess.run([programs / "pg_dump", "--format=custom", f"--file={file}", url], check=True)
    restore = [str(programs / "pg_restore"), "--clean", "--if-exists", f"--dbname={url}", file]
    return lambda: subprocess.run(restore, check=True)


def by_copy(world: World, server: PostgresProcess, _folder: Path) -> PutBack:
    """Keep a copy of the database's files; putting it back in its place keeps even the tables' ids."""
    name = world.database_url.rpartition("/")[2]
    world.disconnect()
    server.execute(f"CREATE DATABASE {name}_kept TEMPLATE {name} STRATEGY file_copy")

    def put_back() -> None:
        world.disconnect()
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        server.execute(f"ALTER DATABASE {name}_kept RENAME TO {name}")

    return put_back


@pytest.fixture(params=[by_dump, by_copy], ids=["dump", "copy"])
def keep(
    request: pytest.FixtureRequest, world: World, postgres_server: PostgresProcess, tmp_path: Path
) -> Callable[[], PutBack]:
    return lambda: request.param(world, postgres_server, tmp_path)


class TestRewound:
    def test_nothing_is_sent_before_and_nothing_twice_after(self, world: World, keep: Callable[[], PutBack]) -> None:
        early, late = world.message(body="Before the dump."), world.message(body="After the dump.")
        still_waiting, person = world.message(body="Not sent yet."), world.contact(new_number())
        world.send(early)
        audit_gaps(world.operations_worker)
        put_back = keep()
        # What the database is about to forget: a text that left, one of which the dump has no row, and a STOP.
        unknown = new_number()
        world.send(late, world.message(unknown, body="A campaign of the afternoon.", kind=MessageKind.MARKETING))
        world.simulator.inject_inbound(world.person(person).e164, "STOP")
        left = len(world.texts())
        world.move(minutes=5)
        put_back()
        world.disconnect()

        assert sending_state(world.console).rewound
        assert not part(world, "lineage").well
        assert Dispatcher(world.beat).dispatch() == 0
        world.send(late, still_waiting)
        assert len(world.texts()) == left
        assert world.status(late) == "pending"
        assert audit_gaps(world.operations_worker) == {"skipped": "database_rewound"}

        found = recover(world.console, by="maria")
        assert (found.received, found.bound, found.recorded, found.adopted) == (1, 1, 1, False)
        assert world.row(late).provider_message_id in {line["id"] for line in world.texts()}
        assert world.person(person).opted_out_at is not None
        assert world.counted() == 3
        world.send(late, still_waiting)
        assert len(world.texts()) == left

        again = adopt(world.console, reason="restored last night's dump", by="maria")
        assert (again.bound, again.recorded, again.adopted) == (0, 0, True)
        assert not sending_state(world.console).rewound
        assert part(world, "lineage").well
        world.send(late, still_waiting)
        assert [line["content"] for line in world.texts()[left:]] == ["Not sent yet."]
        # Whoever got a text that the dump did not know is not written to again before the frequency allows it.
        reached = world.message(contact_id=contact_of(world, unknown), kind=MessageKind.MARKETING)
        assert world.send(reached) == 0
        with world.context.database.reading() as session:
            acts = [entry.act for entry in audit.entries(session, subject="installation")]
        assert acts == ["database.recovery_begun", "database.recovery_begun", "database.adopted"]

    def test_a_text_in_doubt_is_bound_too(self, world: World, keep: Callable[[], PutBack]) -> None:
        message = world.message()
        assert world.child("send", message, failpoints="submitting=kill").ended().how == "killed"
        put_back = keep()
        world.end_leases()
        world.send(message)
        put_back()
        assert recover(world.console, by="maria").recorded == 0

    def test_what_was_never_put_back_has_nothing_to_adopt(self, world: World) -> None:
        with pytest.raises(Conflict, match="adopted"):
            recover(world.console, by="maria")
        with pytest.raises(RefusedInput, match="why"):
            adopt(world.console, reason=" ", by="maria")

    @pytest.mark.parametrize("point", ["life_begun", "life_witnessed", "adopting"])
    @pytest.mark.parametrize("how", ["kill", "raise"])
    def test_an_adoption_that_is_cut_off_leaves_no_false_witness(self, world: World, point: str, how: str) -> None:
        """What it names is a life that this database has; nothing is sent, and the next adoption opens it."""
        world.send(world.message())
        world.execute("UPDATE installation SET doubt = 'a drill'")
        world.child("adopt", failpoints=f"{point}={how}").ended()

        waiting, witnessed = world.message(), world.context.witness.read()
        assert witnessed is not None
        assert witnessed.incarnation in world.value("SELECT incarnations FROM installation")
        assert sending_state(world.console).rewound
        assert world.send(waiting) == 0

        assert adopt(world.console, reason="the second try", by="maria").adopted
        assert world.send(waiting) == 1
        assert not sending_state(world.console).rewound


def part(world: World, name: str) -> Any:
    return next(part for part in check_health(world.operations_worker).parts if part.name == name)


def contact_of(world: World, e164: str) -> int:
    with world.context.database.reading() as session:
        query = select(Message.contact_id).where(Message.e164 == e164)
        return session.scalars(query).one() or 0
