"""How spans leave the process: OTLP over HTTP from a bounded queue, by a thread of its own.

Nothing here ever blocks or fails the work: what can't be sent is tried again, then dropped, and one line a minute
says how much. Why not the SDK's own batch processor: `services/adr/0010-one-trace-per-message.md`.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from importlib.metadata import version
from itertools import islice
from os import getpid
from socket import gethostname

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import (
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import AnyValue, Attributes

from services.core.runtime.settings import Settings
from services.core.runtime.tracing import given_ids

log = structlog.get_logger()

EVERY = timedelta(seconds=1)
REQUEST_LIMIT = timedelta(seconds=5)
FLUSH_WHEN_FAILING = timedelta(seconds=0.5)
SAY_EVERY = timedelta(minutes=1)
AT_ONCE = 512
WAITING_AT_MOST = 4096
TRIES = 6
EXPORTER_LOGS = "opentelemetry.exporter.otlp.proto.http"


def make_provider(settings: Settings, *, flush_within: timedelta) -> TracerProvider:
    """This process's provider; without an endpoint its spans have ids and go nowhere."""
    provider = TracerProvider(
        resource=resource_of(settings),
        sampler=ParentBased(root=Head(settings.trace_sample_ratio)),
        id_generator=GivenIds(),
        span_limits=SpanLimits(max_events=0),  # an exception's words and its causes' may hold a number or a text
        shutdown_on_exit=False,
    )
    if settings.otlp_endpoint:
        endpoint = f"{settings.otlp_endpoint.rstrip('/')}/v1/traces"
        exporter = OTLPSpanExporter(endpoint, timeout=REQUEST_LIMIT.total_seconds())
        provider.add_span_processor(SpanQueue(exporter, flush_within=flush_within))
    return provider


def resource_of(settings: Settings) -> Resource:
    """Who speaks. The pod's own attributes come as OTEL_RESOURCE_ATTRIBUTES, from the downward API."""
    unless_told = {"service.version": version("attackacrack"), "service.instance.id": f"{gethostname()}:{getpid()}"}
    ours: dict[str, AnyValue] = {
        "service.name": settings.service_name,
        "service.namespace": settings.installation,
        "deployment.environment.name": settings.environment,
        "process.pid": getpid(),
    }
    return Resource(unless_told).merge(Resource.create(ours))


class Head(Sampler):
    """Decides at a trace's head: by its id and the ratio, or as was decided when a row was given its ids."""

    def __init__(self, ratio: float) -> None:
        self._by_ratio = TraceIdRatioBased(ratio)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,  # noqa: ARG002 - the SDK's signature
    ) -> SamplingResult:
        if given_ids.get() is not None:
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)
        return self._by_ratio.should_sample(parent_context, trace_id, name, kind, attributes, links)

    def get_description(self) -> str:
        return self._by_ratio.get_description()


class GivenIds(RandomIdGenerator):
    """Random ids, except for a root span whose row has them already."""

    def generate_trace_id(self) -> int:
        given = given_ids.get()
        return super().generate_trace_id() if given is None else given.trace_id

    def generate_span_id(self) -> int:
        given = given_ids.get()
        return super().generate_span_id() if given is None else given.span_id


class SpanQueue(SpanProcessor):
    """Ended spans on their way out, oldest first; the oldest give way when too many wait."""

    def __init__(self, exporter: SpanExporter, *, flush_within: timedelta) -> None:
        self._exporter = exporter
        self._flush_within = flush_within
        self._waiting: deque[ReadableSpan] = deque()
        self._lock = threading.Lock()
        self._tries = 0
        self._lost = 0
        self._said_at = float("-inf")
        self._is_failing = False
        self._wake = threading.Event()
        self._is_ending = False
        self._last_words = _last_words()
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None: ...

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is None or not span.context.trace_flags.sampled:
            return
        with self._lock:
            self._waiting.append(span)
            if len(self._waiting) > WAITING_AT_MOST:
                self._waiting.popleft()
                self._lost += 1
        if len(self._waiting) == AT_ONCE:
            self._wake.set()

    def shutdown(self) -> None:
        """Send what waits, within the time for it; what is left then is lost, and said so."""
        self._is_ending = True
        self._wake.set()
        self._thread.join(
            min(self._flush_within, FLUSH_WHEN_FAILING if self._is_failing else self._flush_within).total_seconds()
        )
        with self._lock:
            self._lost += len(self._waiting)
            has_left = bool(self._waiting)
            self._waiting.clear()
        if has_left:
            self._say(now=True)
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Wait until nothing waits, or the time is up."""
        ends_at = time.monotonic() + timeout_millis / 1000
        self._wake.set()
        while self._waiting and time.monotonic() < ends_at:
            time.sleep(0.01)
        return not self._waiting

    def _run(self) -> None:
        while not self._is_ending:
            self._wake.wait(EVERY.total_seconds())
            self._wake.clear()
            while self._waiting and self._send():
                pass
        while self._waiting and self._send():
            pass

    def _send(self) -> bool:
        """Send one batch; whether it is dealt with."""
        batch = list(islice(self._waiting, AT_ONCE))
        if self._exporter.export(batch) is SpanExportResult.SUCCESS:
            self._forget(batch)
            self._tries = 0
            if self._is_failing:
                self._is_failing = False
                log.info("telemetry.spans_sent_again")
            return True
        self._is_failing = True
        self._tries += 1
        if self._tries >= TRIES:
            self._tries = 0
            given_up = self._forget(batch)
            with self._lock:  # whoever ends a span meanwhile counts too
                self._lost += given_up
        self._say()
        return False

    def _forget(self, batch: list[ReadableSpan]) -> int:
        """Take the batch out, as far as it was not pushed out by younger ones meanwhile; how many that were."""
        taken = 0
        with self._lock:
            for each in batch:
                if self._waiting and self._waiting[0] is each:
                    self._waiting.popleft()
                    taken += 1
        return taken

    def _say(self, *, now: bool = False) -> None:
        if now or time.monotonic() - self._said_at >= SAY_EVERY.total_seconds():
            self._said_at = time.monotonic()
            log.warning(
                "telemetry.spans_not_sent", lost=self._lost, waiting=len(self._waiting), reason=self._last_words.text
            )


class _LastWords(logging.Handler):
    """Keeps the exporter's last complaint, which is to be one line a minute and not one for each try."""

    text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text = record.getMessage()


def _last_words() -> _LastWords:
    handler = _LastWords(logging.WARNING)
    logger = logging.getLogger(EXPORTER_LOGS)
    logger.handlers, logger.propagate = [handler], False
    return handler
