"""How a backlog of webhooks drains: `python -m tests.benchmarks.backlog [--rows 100000] [--flush] [--limit 600]`.

A real clock and a real webhook pool on servers of their own. So many replies are stored that nobody has handled; then
the roles start. With `--flush` everything in Redis is erased once half of them are handled.
"""

import argparse
import json
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from redis import Redis
from sqlalchemy import text

from services.core.queue.names import WEBHOOK, Queue
from services.core.usecases.context import Context
from tests.tools.roles import running_role
from tests.tools.servers import running_servers

LOOK_EVERY = 0.5  # seconds
REPLIES = """
    INSERT INTO inbox (scheme, dedupe_key, body_hash, event_id, event_type, raw, status, provider_message_id)
    SELECT 'standard', 'standard:backlog' || n, sha256(body), 'EV' || n, 'message.received', body, 'new', 'AC' || n
    FROM generate_series(1, :rows) AS n
    CROSS JOIN LATERAL (SELECT convert_to(json_build_object(
        'id', 'EV' || n, 'type', 'message.received', 'apiVersion', '2026-03-30', 'createdAt', to_char(
            product_now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        'data', json_build_object(
            'resource', json_build_object('id', 'AC' || n, 'direction', 'incoming', 'text', 'On my way'),
            'context', json_build_object(
                'senderIdentifier', '+1212' || lpad((2000000 + n)::text, 7, '0'),
                'recipientIdentifiers', json_build_array('+12125550100'))))::text, 'UTF8') AS body) AS made
"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What was seen: tasks in the queue at most, the ids that they held, and what was handled in `seconds`."""

    rows: int
    handled: int
    seconds: float
    rows_per_second: float
    longest_queue: int
    messages: int


def measure_backlog(context: Context, folder: Path, *, rows: int, limit: float, flush: bool) -> Backlog:
    """Store the rows, start the roles, and look until all are handled or `limit` seconds are over."""
    with context.database.transaction() as session:
        session.execute(text(REPLIES), {"rows": rows})
        session.execute(text("UPDATE inbox SET received_at = received_at - interval '10 minutes'"))
    longest, left, seconds = 0, rows, 0.0
    with ExitStack() as roles:
        for role in ("webhook_worker", "beat"):
            roles.enter_context(running_role(role, folder, **_settings(context)))
        began: float | None = None
        while left and seconds < limit:
            sleep(LOOK_EVERY)
            left = _count(context, "SELECT count(*) FROM inbox WHERE status = 'new'")
            longest = max(longest, context.inspector.waiting(Queue.WEBHOOKS) + context.inspector.unacked(WEBHOOK))
            if left < rows:
                began = began or monotonic() - LOOK_EVERY  # the roles are up when the first row is handled
                seconds = monotonic() - began
            if flush and left < rows / 2:
                flush = False
                _flush(context)
    made = _count(context, "SELECT count(*) FROM messages")
    return Backlog(rows, rows - left, round(seconds, 1), round((rows - left) / seconds, 1), longest, made)


def _count(context: Context, query: str) -> int:
    with context.database.reading() as session:
        return int(session.execute(text(query)).scalar_one())


def _flush(context: Context) -> None:
    with Redis.from_url(context.settings.redis_url.get_secret_value()) as client:
        client.flushall()


def _settings(context: Context) -> dict[str, Any]:
    own = context.settings
    return {
        "database_url": own.database_url.get_secret_value(),
        "redis_url": own.redis_url.get_secret_value(),
        "log_level": "WARNING",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--limit", type=float, default=1800, help="seconds")
    parser.add_argument("--flush", action="store_true")
    options = parser.parse_args()
    with running_servers() as servers, servers.context() as context:
        found = measure_backlog(context, servers.folder, rows=options.rows, limit=options.limit, flush=options.flush)
    print(json.dumps(asdict(found)))  # noqa: T201
    return 0 if found.handled == found.rows == found.messages else 1


if __name__ == "__main__":
    raise SystemExit(main())
