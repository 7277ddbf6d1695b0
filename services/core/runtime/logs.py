"""Every log line, ours and the libraries', leaves through one formatter: JSON for machines, colour for a terminal.

A line is an event with a static name and identifiers as fields. Numbers, names, texts and secrets never appear: the
redaction here is the net under that rule, not the rule.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from opentelemetry import trace

from services.core.runtime.settings import LogFormat, Settings

PHONE = re.compile(r"\+\d{8,15}\b|(?<![\w.:-])\(?\d{3}\)?[ .-]?\d{3}[ .-]?\d{4}(?![\w:-])")
SECRET = re.compile(r"(whsec_|Bearer\s+|://[^/\s:@]+:)[^\s@\"']+")
NOISY = ("httpx", "httpcore", "alembic.runtime.plugins", "celery.utils.functional")

EventDict = MutableMapping[str, Any]


def configure_logs(settings: Settings) -> None:
    """Send everything to standard error in the settings' format; call once per process, before any log line."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
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
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True


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


def _redact(_logger: Any, _method: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if key not in ("timestamp", "trace_id", "span_id") and isinstance(value, str):
            event[key] = SECRET.sub(r"\1…", PHONE.sub("…", value))
    return event
