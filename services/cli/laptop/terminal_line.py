"""What a role's log line looks like to a person at a terminal: the event, its fields, and nothing that only fills it.

The files in the stack's folder keep every line as it was written.
"""

import json
import re
from datetime import datetime

LEVELS = {"debug": 2, "info": 0, "warning": 33, "error": 31, "critical": 31}
DIM = 2
CHATTER = ("celery.worker.strategy", "celery.app.trace", "uvicorn.access")
"""Loggers that say every single task or request; their warnings and errors are shown."""

STORES = ("postgres", "valkey")
ALARM = re.compile(r"\b(WARNING|ERROR|FATAL|PANIC)\b|^\S+ .* # ")
HIDDEN_FIELDS = (
    "event",
    "level",
    "logger",
    "timestamp",
    "service",
    "trace_id",
    "span_id",
    "exception",
    "data",
    "color_message",
)


def terminal_line(source: str, line: str) -> str | None:
    """The line as it is to be shown, `None` when it stays in the file."""
    if source in STORES:
        return line if ALARM.search(line) else None
    event = _event(line)
    if event is None:
        return line if line.strip() else None
    level = str(event.get("level", "info"))
    if level in ("debug", "info") and event.get("logger") in CHATTER:
        return None
    fields = "".join(f" {name}={_shown(value)}" for name, value in event.items() if name not in HIDDEN_FIELDS)
    trouble = f"\n{event['exception']}" if "exception" in event else ""
    return f"{_time(event)}{_coloured(str(event['event']), LEVELS.get(level, 0))}{_coloured(fields, DIM)}{trouble}"


def _event(line: str) -> dict[str, object] | None:
    if not line.startswith("{"):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def _time(event: dict[str, object]) -> str:
    try:
        at = datetime.fromisoformat(str(event["timestamp"]))
    except (KeyError, ValueError):
        return ""
    return f"{at.astimezone():%H:%M:%S} "


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _coloured(text: str, colour: int) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if text and colour else text
