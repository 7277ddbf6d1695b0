"""A database with a million of everything, made once and kept in `.cache`; a test gets a copy of its own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from services.cli.laptop.guard import Guard
from services.cli.laptop.ports import free_ports
from services.cli.laptop.postgres import prepare_postgres
from services.cli.laptop.valkey import prepare_valkey
from services.core.runtime.settings import read_settings
from services.core.storage.migrate import upgrade
from services.core.usecases.context import Context
from tests.conftest import PASSWORD, PostgresProcess, ValkeyProcess
from tests.tools.servers import Servers

FOLDER = Path(__file__).parents[2] / ".cache" / "million"
MIGRATIONS = Path(__file__).parents[2] / "services" / "core" / "storage" / "migrations" / "versions"
ROWS = 1_000_000
CAMPAIGNS = 4
LARGE, DRAFT = CAMPAIGNS + 1, CAMPAIGNS + 2
"""Of the campaigns one is planned for half of the people and not started, and one has five hundred of them."""

# Each of the first campaigns has its share of the people; what was written to them was delivered, to a thousandth not.
FILL = """
INSERT INTO contacts (e164, first_name, state)
SELECT '+1212' || (2000000 + nth), 'Ada', 'NY' FROM generate_series(1, :rows) AS nth;

INSERT INTO campaigns (name, kind, status, template_a, audience, sender, sender_phone_number_id, daily_cap, batch_size,
                       batch_every, plan_hash, started_at, created_by)
SELECT 'Campaign ' || nth, 'marketing', CASE WHEN nth <= :campaigns THEN 'running' ELSE 'draft' END,
       'Hi {{first_name|there}}. Reply STOP to opt out.', '{"all": true, "fields": []}', '+12125550100', 'PNsimulator',
       100000, 1000, interval '30 minutes', sha256('plan'), CASE WHEN nth <= :campaigns THEN product_now() END, 'fill'
FROM generate_series(1, :campaigns + 2) AS nth;

INSERT INTO recipients (campaign_id, contact_id, e164, variant, body, segments)
SELECT 1 + (id - 1) * :campaigns / :rows, id, e164, 'a', 'Hi Ada. Reply STOP to opt out.', 1 FROM contacts ORDER BY id;
INSERT INTO recipients (campaign_id, contact_id, e164, variant, body, segments)
SELECT :campaigns + 1, id, e164, 'a', 'Hi Ada. Reply STOP to opt out.', 1 FROM contacts WHERE id % 2 = 0 ORDER BY id;
INSERT INTO recipients (campaign_id, contact_id, e164, variant, body, segments)
SELECT :campaigns + 2, id, e164, 'a', 'Hi Ada. Reply STOP to opt out.', 1 FROM contacts WHERE id <= 500;

INSERT INTO messages (direction, kind, campaign_id, recipient_id, variant, contact_id, e164, sender,
                      sender_phone_number_id, body, body_hash, segments, status, submitted_at, attempts, not_before,
                      provider_message_id)
SELECT 'outgoing', 'marketing', campaign_id, id, 'a', contact_id, e164, '+12125550100', 'PNsimulator', body,
       sha256(convert_to(body, 'UTF8')), 1, CASE WHEN id % 1000 = 0 THEN 'undelivered' ELSE 'delivered' END,
       product_now() - interval '40 days', 1, product_now() - interval '40 days', 'AC' || id
FROM recipients WHERE campaign_id <= :campaigns ORDER BY id;

INSERT INTO attempts (message_id, number, fence, started_at, finished_at, outcome)
SELECT id, 1, 1, submitted_at, submitted_at, 'accepted' FROM messages;
INSERT INTO decisions (message_id, outcome, gate, reason) SELECT id, 'passed', 'open', 'allowed' FROM messages;

INSERT INTO inbox (scheme, dedupe_key, body_hash, event_id, event_type, received_at, status, handled_at)
SELECT 'standard', 'delivery ' || nth, sha256(convert_to(nth::text, 'UTF8')), 'event ' || nth, 'message.delivered',
       product_now() - interval '40 days', 'handled', product_now() - interval '40 days'
FROM generate_series(1, :rows) AS nth;

INSERT INTO messages (direction, kind, campaign_id, contact_id, e164, sender, sender_phone_number_id, body, body_hash,
                      status, said_at, inbox_id)
SELECT 'incoming', 'transactional', message.campaign_id, message.contact_id, '+12125550100', message.e164,
       'PNsimulator', 'yes please', sha256('yes please'), 'received', message.submitted_at + interval '1 hour',
       message.id
FROM messages AS message WHERE message.id % 20 = 0 AND message.direction = 'outgoing';

INSERT INTO task_runs (task_id, name, args, deliveries, finished_at, outcome)
SELECT 'task ' || nth, 'send_campaign_message', to_jsonb(ARRAY[(nth * 5)::text, (nth * 5 + 1)::text]), 1,
       product_now(), 'done'
FROM generate_series(1, :rows / 5) AS nth;
"""


@contextmanager
def million() -> Iterator[Servers]:
    """Servers with a copy of the filled database, prepared as an installation."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    FOLDER.chmod(0o755)
    with Guard() as guard, ExitStack() as stack:
        ports = free_ports(2)
        postgres = PostgresProcess(
            prepare_postgres(FOLDER / "data", port=ports[0], password=PASSWORD), guard, FOLDER / "postgres.log"
        )
        valkey = ValkeyProcess(prepare_valkey(FOLDER, port=ports[1], password=PASSWORD), guard, FOLDER / "valkey.log")
        for server in (postgres, valkey):
            server.start()
            stack.callback(server.stop)
        name = f"filled_{ROWS}_{max(path.name[:4] for path in MIGRATIONS.glob('[0-9]*.py'))}"
        if not _is_there(postgres, name):
            _fill(postgres, name, valkey.url)
        url = postgres.create_database(template=name)
        stack.callback(postgres.drop_database, url)
        yield Servers(FOLDER, url, valkey.url)


def _is_there(postgres: PostgresProcess, name: str) -> bool:
    with psycopg.connect(postgres.url().replace("+psycopg", "")) as connection:
        return bool(connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount)


def _fill(postgres: PostgresProcess, name: str, redis_url: str) -> None:
    """Under another name until it is whole, so that a cut-off filling is never taken for one."""
    unfinished = f"{name}_unfinished"
    postgres.execute(f"DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)")
    postgres.execute(f"CREATE DATABASE {unfinished} TEMPLATE template0")
    url = postgres.url(unfinished)
    upgrade(url)
    context = Context(read_settings(database_url=url, redis_url=redis_url))
    context.prepare()
    context.close()
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        for statement in FILL.split(";\n"):
            filled = statement.replace(":rows", str(ROWS)).replace(":campaigns", str(CAMPAIGNS))
            if filled.strip():
                connection.execute(filled.encode())
        connection.execute("VACUUM ANALYZE")
    postgres.execute(f"ALTER DATABASE {unfinished} RENAME TO {name}")
