"""Every log line, ours and the libraries', leaves through one formatter: JSON for machines, colour for a terminal.

A line is an event with a static name and identifiers as fields. Numbers, names, texts and secrets never appear: the
redaction here is the net under that rule, not the rule. What an exception of a library says may quote anything, so of
those only kind and place are kept.
"""

import logging
import re
import sys
from collections.abc import Iterator, MutableMapping
from traceback import extract_tb
from types import TracebackType
from typing import Any

import structlog
from opentelemetry import trace

from services.core.runtime.settings import LogFormat, Settings

PHONE = re.compile(r"\+\d{8,15}\b|(?<![\w.:-])\(?\d{3}\)?[ .-]?\d{3}[ .-]?\d{4}(?![\w:-])")
SECRET = re.compile(r"(whsec_|Bearer\s+)[^\s\"']+|(://[^/\s:@]*:)[^\s@/]+(?=@)")
QUIET = ("httpx", "httpcore", "alembic", "celery.utils.functional", "tornado.access")
OWN_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "celery", "celery.task", "tornado", "flower")
AS_THEY_ARE = ("timestamp", "trace_id", "span_id")
DROPPED = ("data", "color_message")  # Celery's copy of a failed task with its traceback; uvicorn's line once more
OURS = "services."

EventDict = MutableMapping[str, Any]


def configure_logs(settings: Settings) -> None:
    """Send everything to standard error in the settings' format; call once per process, before any log line."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exception,
        _service(settings.service_name),
        _trace_ids,
        _redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(colors=True, pad_event_to=32)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            keep_exc_info=False,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in OWN_HANDLERS:
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    logging.captureWarnings(capture=True)


def _service(name: str) -> structlog.typing.Processor:
    def add(_logger: Any, _method: str, event: EventDict) -> EventDict:
        event["service"] = name
        return event

    return add


def _trace_ids(_logger: Any, _method: str, event: EventDict) -> EventDict:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = format(span.trace_id, "032x")
        event["span_id"] = format(span.span_id, "016x")
    return event


def _exception(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Say of an exception and of those behind it what kind they are and where they came from."""
    given = event.pop("exc_info", None)
    if not given:
        return event
    error = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else sys.exc_info()[1]
    if error is not None:
        event["exception"] = "\n".join(line for each in _chain(error) for line in _told(each))
    return event


def _chain(error: BaseException) -> list[BaseException]:
    """The exception and what it was raised from, the first cause first."""
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return found[::-1]


def _told(error: BaseException) -> Iterator[str]:
    for frame in extract_tb(_trace_of(error)):
        yield f"{frame.filename}:{frame.lineno} in {frame.name}"
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    yield f"{name}: {error}" if kind.__module__.startswith(OURS) else name


def _trace_of(error: BaseException) -> TracebackType | None:
    return error.__traceback__ if isinstance(error.__traceback__, TracebackType) else None


def _redact(_logger: Any, _method: str, event: EventDict) -> EventDict:
    for key in DROPPED:
        event.pop(key, None)
    for key, value in event.items():
        if key not in AS_THEY_ARE:
            event[key] = _redacted(value)
    return event


def _redacted(value: Any) -> Any:
    match value:
        case str():
            return SECRET.sub(lambda found: f"{found[1] or found[2]}…", PHONE.sub("…", value))
        case dict():
            return {key: _redacted(each) for key, each in value.items()}
        case list() | tuple():
            return [_redacted(each) for each in value]
        case BaseException():
            return type(value).__name__
        case _:
            return value
