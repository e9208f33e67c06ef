"""Prometheus: an HTTP server on a port of this process, by the field's own client library, which also escapes what labels hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from closeshave.telemetry.families import Family, Sort
from closeshave.telemetry.totals import BOUNDS_S, Durations

Read = Callable[[], Iterable[Family]]
"""The metrics as they are now."""
CLOSED_WITHIN_S = 2.0


class Scraped(Collector):
    """What a scrape gets: computed when it is asked for, so that nobody pays where nobody asks."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """Nothing: the values are not there yet when this is registered."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every family in the library's own form."""
        for family in self._read():
            match family.sort:
                case Sort.HISTOGRAM:
                    yield _histogram(family)
                case Sort.COUNTER:
                    yield _plain(family, CounterMetricFamily(family.name, family.about, labels=family.labels, unit=family.unit))
                case Sort.GAUGE:
                    yield _plain(family, GaugeMetricFamily(family.name, family.about, labels=family.labels, unit=family.unit))


class Port:
    """The server, from :meth:`open` to :meth:`close`."""

    def __init__(self, server: WSGIServer, thread: Thread) -> None:
        self._server, self._thread = server, thread

    @property
    def number(self) -> int:
        """The port that is served: what was asked for, or, for 0, the one that was free."""
        return int(self._server.server_port)

    @classmethod
    def open(cls, address: str, port: int, read: Read) -> Port:
        """Serve ``read`` at ``http://ADDRESS:PORT/metrics``. Raises :class:`OSError` when that cannot be listened on."""
        registry = CollectorRegistry()
        registry.register(Scraped(read))
        return cls(*start_http_server(port, address, registry))

    def close(self) -> None:
        """Stop serving, and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(CLOSED_WITHIN_S)


def _plain(family: Family, metric: Any) -> Metric:
    for labels, value in family.values:
        metric.add_metric(labels, value)
    made: Metric = metric
    return made


def _histogram(family: Family) -> Metric:
    metric = HistogramMetricFamily(family.name, family.about, labels=family.labels, unit=family.unit)
    bounds = [*map(str, BOUNDS_S), "+Inf"]
    for labels, value in family.values:
        assert isinstance(value, Durations)
        # Prometheus counts each class with all below it.
        metric.add_metric(labels, list(zip(bounds, accumulate(value.counts.tolist()), strict=True)), value.sum_s)
    return metric
