"""The metrics of a process, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from closeshave.standin.breaker import Breaker

_EVENTS = frozenset(("capture.succeeded", "ping"))
_NO_CUSTOMERS = frozenset(("/health", "/health/live", "/health/ready", "/metrics"))
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Dependency(Protocol):
    """A dependency with a breaker."""

    @property
    def name(self) -> str:
        """The name in the metric's label."""
        ...

    @property
    def breaker(self) -> Breaker:
        """Open while the dependency is not used."""
        ...


class ProcessMetrics:
    """Counters of this process, in a separate registry."""

    __slots__ = ("_counters", "_events", "_registry", "_requests", "_seconds", "_up")

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._counters: dict[tuple[str, str, int], Counter] = {}
        """The counters of all labels so far, because looking one up in the family costs more than counting."""
        ProcessCollector(registry=self._registry)
        self._requests = Counter("http_requests", "Answered requests", ("method", "route", "status"), registry=self._registry)
        self._seconds = Histogram(
            "http_request_duration_seconds", "Service time of customers' requests", buckets=_BUCKETS_S, registry=self._registry
        )
        self._events = Counter("webhooks", "Events that the payment provider delivered", ("type",), registry=self._registry)
        self._up = Gauge("dependency_up", "1 while the breaker of a dependency is closed", ("dependency",), registry=self._registry)

    def answered(self, method: str, route: str, status: int, duration_s: float) -> None:
        """Count one request."""
        labels = (method, route, status)
        counter = self._counters.get(labels)
        if counter is None:
            counter = self._counters[labels] = self._requests.labels(method, route, str(status))
        counter.inc()
        # Checks of health are quick and many: among them a slow customer would not show.
        if route not in _NO_CUSTOMERS:
            self._seconds.observe(duration_s)

    def heard_of(self, event: str) -> None:
        """Count one delivery of an event of this type; types that the platform does not know share one label."""
        self._events.labels(event if event in _EVENTS else "other").inc()

    def render(self, dependencies: Iterable[Dependency]) -> bytes:
        """The exposition, in Prometheus's text format."""
        for dependency in dependencies:
            self._up.labels(dependency.name).set(not dependency.breaker.open)
        return generate_latest(self._registry)
