"""The role's metrics over OTLP, with exemplars, every few seconds from a thread of the main process."""

import logging
import threading
import time
from datetime import timedelta
from itertools import groupby

import structlog
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from services.core.runtime import metering
from services.core.runtime.metering import Distribution, Series
from services.core.runtime.telemetry import SCOPE, Kind

log = structlog.get_logger()

PUSHED_EVERY = timedelta(seconds=15)
ANSWER_WITHIN = timedelta(seconds=5)
NANOSECONDS = 1_000_000_000
CUMULATIVE = AggregationTemporality.CUMULATIVE


class Pusher:
    """Sends what the table holds until it is stopped, and once more then. A failure is logged when it begins."""

    def __init__(self, endpoint: str, resource: Resource, *, every: timedelta = PUSHED_EVERY) -> None:
        logging.getLogger(OTLPMetricExporter.__module__).setLevel(logging.CRITICAL)  # it complains at every try
        self._exporter = OTLPMetricExporter(
            endpoint=f"{endpoint.rstrip('/')}/v1/metrics", timeout=ANSWER_WITHIN.total_seconds()
        )
        self._resource = resource
        self._every = every
        self._began = time.time_ns()
        self._is_failing = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Send what is left, within a few seconds."""
        self._stopping.set()
        self._thread.join(2 * ANSWER_WITHIN.total_seconds())

    def push(self) -> bool:
        """Send the series as they stand; whether they arrived."""
        data = metrics_data(metering.read(), resource=self._resource, began=self._began, at=time.time_ns())
        arrived = self._exporter.export(data) is MetricExportResult.SUCCESS
        if arrived == self._is_failing:
            self._is_failing = not arrived
            (log.info if arrived else log.warning)("metrics.arrive_again" if arrived else "metrics.not_arriving")
        return arrived

    def _run(self) -> None:
        while not self._stopping.wait(self._every.total_seconds()):
            self.push()
        self.push()


def metrics_data(series: list[Series], *, resource: Resource, began: int, at: int) -> MetricsData:
    """The series in OpenTelemetry's model; `began` and `at` in nanoseconds of the epoch."""
    metrics = [_metric(list(group), began, at) for _, group in groupby(series, key=_name)]
    scope = ScopeMetrics(scope=InstrumentationScope(SCOPE), metrics=metrics, schema_url="")
    return MetricsData([ResourceMetrics(resource=resource, scope_metrics=[scope], schema_url="")])


def _name(series: Series) -> str:
    return series.instrument.name


def _metric(group: list[Series], began: int, at: int) -> Metric:
    instrument = group[0].instrument
    data: Sum | Gauge | Histogram
    match instrument.kind:
        case Kind.COUNTER:
            data = Sum([_number(each, began, at) for each in group], CUMULATIVE, is_monotonic=True)
        case Kind.GAUGE:
            data = Gauge([_number(each, began, at) for each in group])
        case Kind.HISTOGRAM:
            data = Histogram([_distribution(each, began, at) for each in group], CUMULATIVE)
    return Metric(instrument.name, instrument.description, instrument.unit, data)


def _number(series: Series, began: int, at: int) -> NumberDataPoint:
    assert not isinstance(series.value, Distribution)  # noqa: S101 - for the type checker
    return NumberDataPoint(dict(series.labels), began, at, series.value)


def _distribution(series: Series, began: int, at: int) -> HistogramDataPoint:
    found = series.value
    assert isinstance(found, Distribution)  # noqa: S101 - for the type checker
    return HistogramDataPoint(
        attributes=dict(series.labels),
        start_time_unix_nano=began,
        time_unix_nano=at,
        count=found.count,
        sum=found.total,
        bucket_counts=found.buckets,
        explicit_bounds=series.instrument.bounds,
        min=None,  # type: ignore[arg-type]  # the table keeps neither, and the wire has both as optional
        max=None,  # type: ignore[arg-type]
        exemplars=[_exemplar(found.exemplar)] if found.exemplar else [],
    )


def _exemplar(found: metering.Exemplar) -> Exemplar:
    return Exemplar({}, found.value, int(found.at * NANOSECONDS), found.span_id, found.trace_id)
