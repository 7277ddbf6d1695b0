"""The role's metrics for Prometheus: `GET /metrics` on a port of its own, answered by a thread of the main process.

Who asks for OpenMetrics, as Prometheus does, is shown exemplars too.
"""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate, groupby
from threading import Thread
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import CollectorRegistry, Metric, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from services.core.runtime import metering
from services.core.runtime.metering import Distribution, Series
from services.core.runtime.telemetry import Instrument, Kind

log = structlog.get_logger()

Bucket = tuple[str, float] | tuple[str, float, Exemplar]

UNITS = {"s": "_seconds"}


class TableCollector(Collector):
    """The table's series under Prometheus's names."""

    def collect(self) -> Iterator[Metric]:
        for _, group in groupby(metering.read(), key=lambda series: series.instrument.name):
            yield _family(list(group))


def prometheus_name(instrument: Instrument) -> str:
    """As OpenTelemetry's rules make it of the instrument's name and unit; a counter's has `_total` behind it."""
    return instrument.name.replace(".", "_") + UNITS.get(instrument.unit, "")


class PrometheusEndpoint:
    """Answers from now to `close`.

    A port that cannot be had is said in the log and costs the metrics, not the role.
    """

    def __init__(self, *, host: str, port: int) -> None:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(TableCollector())
        self._serving: tuple[WSGIServer, Thread] | None = None
        try:
            self._serving = start_http_server(port, addr=host, registry=registry)
        except OSError as error:
            log.error("metrics.not_served", port=port, error=str(error))

    def close(self) -> None:
        """Answer no more, and give the port back once nothing uses it: half a second at most."""
        if self._serving is not None:
            server, thread = self._serving
            server.shutdown()
            thread.join()
            server.server_close()
            self._serving = None

    def let_go(self) -> None:
        """Close a fork's copy, lest the port outlive the process that answers; the thread is not the fork's."""
        if self._serving is not None:
            server, _ = self._serving
            server.socket.close()
            self._serving = None


def _family(group: list[Series]) -> Metric:
    instrument = group[0].instrument
    name, names = prometheus_name(instrument), [label.replace(".", "_") for label in instrument.labels]
    match instrument.kind:
        case Kind.COUNTER:
            counter = CounterMetricFamily(name, instrument.description, labels=names)
            for series in group:
                counter.add_metric(list(series.labels.values()), _number(series))
            return counter
        case Kind.GAUGE:
            gauge = GaugeMetricFamily(name, instrument.description, labels=names)
            for series in group:
                gauge.add_metric(list(series.labels.values()), _number(series))
            return gauge
        case Kind.HISTOGRAM:
            histogram = HistogramMetricFamily(name, instrument.description, labels=names)
            for series in group:
                if isinstance(series.value, Distribution):
                    histogram.add_metric(
                        list(series.labels.values()), _buckets(instrument, series.value), series.value.total
                    )
            return histogram


def _number(series: Series) -> float:
    return series.value.count if isinstance(series.value, Distribution) else series.value


def _buckets(instrument: Instrument, found: Distribution) -> list[Bucket]:
    """Cumulative counts by upper bound; the bucket that the recent example fell into shows it, and its trace."""
    bounds = (*(f"{bound:g}" for bound in instrument.bounds), "+Inf")
    counts: list[Bucket] = list(zip(bounds, accumulate(found.buckets), strict=True))
    if found.exemplar:
        fell_into = bisect_left(instrument.bounds, found.exemplar.value)
        counts[fell_into] = (*counts[fell_into][:2], _exemplar(found.exemplar))
    return counts


def _exemplar(found: metering.Exemplar) -> Exemplar:
    ids = {"trace_id": f"{found.trace_id:032x}", "span_id": f"{found.span_id:016x}"}
    return Exemplar(ids, found.value, found.at)
