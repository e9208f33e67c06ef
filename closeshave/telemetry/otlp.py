"""OpenTelemetry: metrics and a span for each fault, sent by the OpenTelemetry SDK's own OTLP exporters. Needs the extra ``closeshave[otlp]``."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
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
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Status, StatusCode

from closeshave.clock import Anchor
from closeshave.history import FaultEdge, FaultEvent, Mark, Planning, Signal
from closeshave.telemetry.families import Family, Sort
from closeshave.telemetry.sending import Sender
from closeshave.telemetry.settings import Collector
from closeshave.telemetry.totals import BOUNDS_S, Durations, scope_of

TIMEOUT_S = 5.0
"""For one message, repetitions included."""
ENDED_WITHIN_S = 1.0
"""For a call that is cut off."""
TEXT_MAX = 1000
"""Characters of an attribute."""
UNITS: Mapping[str, str] = {"seconds": "s", "": "1"}
"""The field's units as OpenTelemetry writes them (UCUM)."""
_LOG = logging.getLogger("opentelemetry")


class NotAccepted(ConnectionError):
    """The collector did not accept a message; says why, as far as the library told."""


class _Told(logging.Handler):
    """Keeps why the library's exporters failed: they log it, and return no reason."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = "it did not accept the message"

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the sentence."""
        self.last = record.getMessage()


@dataclass(frozen=True, slots=True)
class Otlp:
    """The collector, for one trial that runs."""

    sender: Sender
    _metrics: OTLPMetricExporter
    _spans: OTLPSpanExporter
    _provider: TracerProvider
    _resource: Resource
    _scope: InstrumentationScope
    _told: _Told
    _started_ns: int

    @classmethod
    def open(cls, collector: Collector, run: Mapping[str, str], started_ns: int) -> Otlp:
        """Make the exporters; nothing is sent yet. ``run`` tells the run from others, ``started_ns`` is now, nanoseconds since the epoch."""
        told = _Told()
        _LOG.addHandler(told)
        # The operator's terminal shows the trial. What could not be sent is said once, at the end.
        _LOG.propagate = False
        insecure = collector.endpoint.startswith("http://")
        version = run.get("version", "")
        resource = Resource(
            {"service.name": "closeshave", "service.version": version, **{f"closeshave.{name}": value for name, value in run.items()}}
        )
        sender = Sender("OTLP", collector.endpoint)
        common: dict[str, Any] = {"endpoint": collector.endpoint, "insecure": insecure, "headers": collector.headers, "timeout": TIMEOUT_S}
        spans = OTLPSpanExporter(**common)
        provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(_Posting(sender, spans, told))
        scope = InstrumentationScope("closeshave", version)
        return cls(sender, OTLPMetricExporter(**common), spans, provider, resource, scope, told, started_ns)

    def send(self, families: Iterable[Family], at_ns: int, *, last: bool) -> None:
        """Have the metrics sent as they are at ``at_ns``; unless earlier ones still wait, when the next ones hold these too, or they are the last."""
        if not last and not self.sender.idle:
            return
        metrics = [_metric(family, self._started_ns, at_ns) for family in families if family.values]
        data = MetricsData([ResourceMetrics(self._resource, [ScopeMetrics(self._scope, metrics, "")], "")])

        def export() -> None:
            if self._metrics.export(data) is not MetricExportResult.SUCCESS:
                raise NotAccepted(self._told.last)

        self.sender.post(export)

    def spans(self, anchor: Anchor, name: str) -> Spans:
        """The spans of the trial of this name, which begins now."""
        return Spans(self._provider.get_tracer("closeshave", self._scope.version), anchor, name, self._started_ns)

    def close(self, within_s: float) -> str:
        """Send what waits; returns what was not sent, as :meth:`Sender.close`. A call that a collector does not answer is cut off."""
        unsent = self.sender.close(within_s)
        for exporter in (self._metrics, self._spans):
            with suppress(Exception):
                exporter.shutdown()
        # A thread inside the library would still be there when the interpreter is taken apart.
        self.sender.ended(ENDED_WITHIN_S)
        _LOG.removeHandler(self._told)
        return unsent


class _Posting(SpanProcessor):
    """Hands a span that has ended to the sender."""

    def __init__(self, sender: Sender, exporter: SpanExporter, told: _Told) -> None:
        self._sender, self._exporter, self._told = sender, exporter, told

    def on_end(self, span: ReadableSpan) -> None:
        """The span is complete."""

        def export() -> None:
            if self._exporter.export((span,)) is not SpanExportResult.SUCCESS:
                raise NotAccepted(self._told.last)

        self._sender.post(export)


class Spans:
    """One span for the trial, and one below it for each fault, from its planning to the proof of its healing."""

    def __init__(self, tracer: trace.Tracer, anchor: Anchor, name: str, started_ns: int) -> None:
        self._tracer, self._anchor = tracer, anchor
        self._trial = tracer.start_span(f"trial {name}", start_time=started_ns)
        self._within = trace.set_span_in_context(self._trial)
        self._faults: dict[str, trace.Span] = {}

    def note(self, event: FaultEvent | Signal | Mark) -> None:
        """Take an event of the timeline into account; the span of a fault that is proven healed is sent."""
        at_ns = self._wall_ns(event.at_ns)
        match event:
            case FaultEvent():
                self._edge(event, at_ns)
            case Signal():
                where = {"scope": event.scope, "source": event.source, "detail": event.detail[:TEXT_MAX]}
                self._trial.add_event(f"platform: {event.kind}", where, at_ns)
            case Mark():
                of_fault = self._faults.get(event.detail)
                if of_fault is not None:
                    of_fault.add_event(event.kind, timestamp=at_ns)
                else:
                    self._trial.add_event(event.kind, {"detail": event.detail[:TEXT_MAX]}, at_ns)

    def close(self, at_ns: int, verdict: str) -> None:
        """The trial ends at ``at_ns``, nanoseconds since the epoch, with this verdict; a fault whose healing is not proven by then ends as an error."""
        for span in self._faults.values():
            span.set_status(Status(StatusCode.ERROR, "not proven healed when the trial ended"))
            span.end(at_ns)
        self._faults.clear()
        if verdict:
            self._trial.set_attribute("closeshave.verdict", verdict)
        self._trial.end(at_ns)

    def _edge(self, event: FaultEvent, at_ns: int) -> None:
        span = self._faults.get(event.fault)
        if span is None:
            span = self._faults[event.fault] = self._tracer.start_span(f"fault {event.fault}", self._within, start_time=at_ns)
            span.set_attribute("closeshave.fault.id", event.fault)
        if isinstance(event.evidence, Planning):
            span.set_attribute("closeshave.fault.kind", event.evidence.kind)
            span.set_attribute("closeshave.fault.scope", scope_of(event.evidence))
        told = asdict(event.evidence) if event.evidence is not None else {}
        span.add_event(event.edge, {name: _plain(value) for name, value in told.items() if value is not None}, at_ns)
        if event.edge == FaultEdge.VERIFIED_HEALED:
            span.set_status(Status(StatusCode.OK))
            span.end(at_ns)
            del self._faults[event.fault]

    def _wall_ns(self, at_ns: int) -> int:
        return self._anchor.wall_ns + at_ns - self._anchor.monotonic_ns


def _plain(value: Any) -> str | bool | int | float:
    """As an attribute can hold it: a number of 64 bits, or text of bounded length."""
    if isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text.encode("utf-8", "replace").decode()[:TEXT_MAX]


def _metric(family: Family, started_ns: int, at_ns: int) -> Metric:
    name = family.name.replace("_", ".", 1)
    points = [_point(family, labels, value, started_ns, at_ns) for labels, value in family.values]
    match family.sort:
        case Sort.HISTOGRAM:
            data: Any = Histogram(points, AggregationTemporality.CUMULATIVE)
        case Sort.COUNTER:
            data = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
        case Sort.GAUGE:
            data = Gauge(points)
    return Metric(name, family.about, UNITS[family.unit], data)


def _point(family: Family, labels: tuple[str, ...], value: float | Durations, started_ns: int, at_ns: int) -> Any:
    attributes = dict(zip(family.labels, labels, strict=True))
    if not isinstance(value, Durations):
        return NumberDataPoint(attributes, started_ns, at_ns, value)
    counts = value.counts.tolist()
    return HistogramDataPoint(
        attributes=attributes,
        start_time_unix_nano=started_ns,
        time_unix_nano=at_ns,
        count=sum(counts),
        sum=value.sum_s,
        bucket_counts=counts,
        explicit_bounds=BOUNDS_S,
        min=value.least_s,
        max=value.most_s,
    )
