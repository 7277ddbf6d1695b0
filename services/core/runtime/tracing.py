"""Spans, and the W3C `traceparent` that carries a trace through rows, tasks and requests.

A call chain ends where work waits in the database, so each row keeps the `traceparent` of its trace and whoever goes
on with it starts from there. Whether a trace is kept is decided once, at its head; for one that isn't, no span and no
attribute is ever made, and its ids still go into logs and rows.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
)

from services.core.runtime.telemetry import SCOPE, Attribute

FORM = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")

Attributes = Mapping[Attribute, str | bool | int | float | None]
"""What is `None` is left out."""

SpanKind = trace.SpanKind

_tracer: Tracer | None = None
given_ids: ContextVar[SpanContext | None] = ContextVar("given_ids", default=None)
"""The ids that the next root span must have, if a row has named them already."""


def use(tracer_provider: trace.TracerProvider | None) -> None:
    """Make this process's spans with `tracer_provider`; without one spans only pass on what they were given."""
    global _tracer  # noqa: PLW0603 - one per process
    _tracer = tracer_provider.get_tracer(SCOPE) if tracer_provider is not None else None


class ActiveSpan:
    """A span while its work is done. Everything here is free of cost and effect when the trace isn't kept."""

    __slots__ = ("_span", "context")

    def __init__(self, span: Span) -> None:
        self._span = span
        self.context = span.get_span_context()

    @property
    def traceparent(self) -> str | None:
        """Where others go on with this trace; `None` when no trace was begun in this process."""
        return _written(self.context)

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, attributes: Attributes) -> None:
        """Say more about the work."""
        if self._span.is_recording():
            self._span.set_attributes(_known(attributes))

    def fail(self, reason: str) -> None:
        """Mark the work as failed; `reason` is a code or the name of an error, never its text."""
        if self._span.is_recording():
            self._span.set_attribute(Attribute.ERROR_TYPE, reason)
            self._span.set_status(Status(StatusCode.ERROR))

    def link(self, *others: str | None) -> None:
        """Point to the spans of other traces, as far as they are kept."""
        if self._span.is_recording():
            for other in filter(_is_kept, map(read, others)):
                self._span.add_link(other)

    def end(self) -> None:
        self._span.end()


def begin(
    name: str,
    attributes: Attributes | None = None,
    *,
    parent: str | None = None,
    links: Sequence[str | None] = (),
    kind: SpanKind = SpanKind.INTERNAL,
) -> ActiveSpan:
    """A span under the traceparent `parent`, or else under the current span, that its caller ends. It isn't current."""
    above = read(parent) if parent is not None else INVALID_SPAN_CONTEXT
    if not above.is_valid:
        above = trace.get_current_span().get_span_context()
    if _tracer is None or (above.is_valid and not above.trace_flags.sampled):
        return ActiveSpan(NonRecordingSpan(above))
    context = trace.set_span_in_context(NonRecordingSpan(above))
    linked = [Link(other) for other in map(read, links) if _is_kept(other)]
    known = _known(attributes or {})
    return ActiveSpan(_tracer.start_span(name, context=context, kind=kind, attributes=known, links=linked))


@contextmanager
def span(
    name: str,
    attributes: Attributes | None = None,
    *,
    parent: str | None = None,
    links: Sequence[str | None] = (),
    kind: SpanKind = SpanKind.INTERNAL,
) -> Iterator[ActiveSpan]:
    """As `begin`, and current inside the block. An exception marks it as failed, by its name alone."""
    with _current(begin(name, attributes, parent=parent, links=links, kind=kind)) as active:
        yield active


@contextmanager
def joined(
    name: str, attributes: Attributes | None = None, *, trace_of: str | None, kind: SpanKind = SpanKind.INTERNAL
) -> Iterator[ActiveSpan]:
    """Go on with a row's own trace, of which `trace_of` is the traceparent.

    That is under the current span when it belongs to the trace; else under the row's own, and the two are linked
    both ways: the current one is then about many rows, or about something else.
    """
    here = trace.get_current_span()
    there = read(trace_of)
    if not there.is_valid or there.trace_id == here.get_span_context().trace_id:
        with span(name, attributes, kind=kind) as active:
            yield active
        return
    with span(name, attributes, parent=trace_of, links=(_written(here.get_span_context()),), kind=kind) as active:
        ActiveSpan(here).link(active.traceparent)
        yield active


def first(name: str, attributes: Attributes | None = None, *, ids: str, links: Sequence[str | None] = ()) -> ActiveSpan:
    """The root span of a trace whose row has had its `ids` since `new_trace`; its caller ends it. It isn't current."""
    given = read(ids)
    if _tracer is None or not _is_kept(given):
        return ActiveSpan(NonRecordingSpan(given))
    token = given_ids.set(given)
    try:
        linked = [Link(other) for other in map(read, links) if _is_kept(other)]
        nowhere = trace.set_span_in_context(NonRecordingSpan(INVALID_SPAN_CONTEXT))
        known = _known(attributes or {})
        return ActiveSpan(_tracer.start_span(name, context=nowhere, attributes=known, links=linked))
    finally:
        given_ids.reset(token)


def new_trace(*, kept: float) -> str:
    """The ids of a trace that is to begin later, as a traceparent; a share `kept` of them will be kept."""
    flags = TraceFlags.SAMPLED if random.random() < kept else TraceFlags.DEFAULT  # noqa: S311
    return f"00-{random.getrandbits(128):032x}-{random.getrandbits(64):016x}-{flags:02x}"


def traceparent() -> str | None:
    """The current span's, to be kept in a row or sent with a task."""
    return _written(trace.get_current_span().get_span_context())


def current() -> ActiveSpan:
    """The span whose work is being done."""
    return ActiveSpan(trace.get_current_span())


def link(*others: str | None) -> None:
    """Point from the current span to those of other traces."""
    current().link(*others)


def read(parent: str | None) -> SpanContext:
    """The ids in a traceparent; invalid ones for what is none."""
    match = FORM.fullmatch(parent) if parent is not None else None
    if match is None:
        return INVALID_SPAN_CONTEXT
    trace_id, span_id, flags = (int(part, 16) for part in match.groups())
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))


def trace_id_of(parent: str | None) -> str | None:
    """The trace id as logs and trace stores write it."""
    found = read(parent)
    return f"{found.trace_id:032x}" if found.is_valid else None


def is_kept(parent: str | None) -> bool:
    """Whether the trace's head decided to keep its spans."""
    return _is_kept(read(parent))


@contextmanager
def _current(active: ActiveSpan) -> Iterator[ActiveSpan]:
    token = otel_context.attach(trace.set_span_in_context(active._span))
    try:
        yield active
    except BaseException as error:
        active.fail(type(error).__name__)
        raise
    finally:
        otel_context.detach(token)
        active.end()


def _known(attributes: Attributes) -> dict[str, str | bool | int | float]:
    return {name: value for name, value in attributes.items() if value is not None}


def _is_kept(context: SpanContext) -> bool:
    return context.is_valid and context.trace_flags.sampled


def _written(context: SpanContext) -> str | None:
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
