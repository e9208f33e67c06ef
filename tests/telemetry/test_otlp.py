"""What an OpenTelemetry collector gets: metrics, and a span for each fault with its edges as events."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from closeshave.history import FaultEdge
from closeshave.telemetry.exporter import exporting
from closeshave.telemetry.settings import Collector, TelemetrySettings
from closeshave.vocabulary import MarkKind
from tests.telemetry.conftest import Receiver
from tests.telemetry.made import EAST, MANIFEST, PLAN, WALL_S, Writer

ERROR, OK = 2, 1
"""Status codes of the protocol."""


def attributes(one: Any) -> dict[str, Any]:
    """Of a span, an event or a point, as plain values."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in one.attributes}


def told(receiver: Receiver, writer: Writer, *edges: FaultEdge, verdict: str = "pass") -> list[tuple[str, str, str]]:
    """Carry out a trial whose fault passes these edges; returns what was shown at its end."""
    shown: list[tuple[str, str, str]] = []
    settings = TelemetrySettings(otlp=Collector(receiver.url, (("x-token", "s3cret"),)))
    with exporting(settings, lambda *line: shown.append(line)) as exporter:
        exporter.begin(writer.run, lambda: MANIFEST, lambda: PLAN)
        writer.phase("calm", 1)
        writer.requests(3, 0.2)
        writer.fault(*edges)
        writer.mark(MarkKind.FAULT_ENDED_EARLY, "primary", 12.5)
        exporter.judged(verdict)
    return shown


def test_a_fault_is_a_span_below_the_trials_and_its_edges_are_events(receiver: Receiver, writer: Writer) -> None:
    """At the instants when they happened, with their evidence; sent with the header that the operator gave."""
    assert told(receiver, writer, *FaultEdge) == []
    spans = {span.name: span for span in receiver.spans}
    assert set(spans) == {"fault primary", "trial made"}
    fault, trial = spans["fault primary"], spans["trial made"]
    assert fault.parent_span_id == trial.span_id
    assert fault.trace_id == trial.trace_id
    assert attributes(fault) == {
        "closeshave.fault.id": "primary",
        "closeshave.fault.kind": "shard.primary-killed",
        "closeshave.fault.scope": "shard:1",
    }
    assert [(event.name, event.time_unix_nano) for event in fault.events if event.name in set(FaultEdge)] == [
        (edge, (WALL_S + 10 + at) * 1_000_000_000) for at, edge in enumerate(FaultEdge)
    ]
    assert (fault.start_time_unix_nano, fault.end_time_unix_nano) == ((WALL_S + 10) * 10**9, (WALL_S + 14) * 10**9)
    assert attributes(fault.events[0])["scope"] == '{"shard": 1}'
    assert attributes(fault.events[2]) == {"probe": "TCP", "saw": "refused"}
    assert fault.status.code == OK
    assert next(event.name for event in trial.events) == "phase-started"
    assert attributes(trial)["closeshave.verdict"] == "pass"
    assert all(headers.get("x-token") == "s3cret" for headers in receiver.headers)
    assert receiver.resources[0]["service.name"] == "closeshave"
    assert receiver.resources[0]["closeshave.run"] == MANIFEST.id


def test_a_fault_that_was_not_proven_healed_is_an_error(receiver: Receiver, writer: Writer) -> None:
    """Its span ends with the trial, and is not lost; a mark about it is one of its events."""
    assert told(receiver, writer, FaultEdge.PLANNED, FaultEdge.INJECTED) == []
    fault = next(span for span in receiver.spans if span.name == "fault primary")
    assert fault.status.code == ERROR
    assert fault.status.message == "not proven healed when the trial ended"
    assert [event.name for event in fault.events] == ["planned", "injected", "fault-ended-early"]


def test_metrics_arrive_with_units_and_classes(receiver: Receiver, writer: Writer) -> None:
    """The last message holds everything: its counts are since the start of the trial."""
    assert told(receiver, writer, FaultEdge.PLANNED) == []
    metrics = {metric.name: metric for metric in receiver.metrics[-1]}
    (requests,) = metrics["closeshave.requests"].sum.data_points
    assert requests.as_int == 3
    assert attributes(requests) == {
        "source": "customers", "operation": "book", "region": EAST, "shard": "1", "outcome": "ok", "good": "true",
    }  # fmt: skip
    assert metrics["closeshave.requests"].sum.is_monotonic
    response = metrics["closeshave.response_time"]
    (point,) = response.histogram.data_points
    assert (response.unit, point.count, point.sum) == ("s", 3, pytest.approx(0.6))
    assert dict(zip([*point.explicit_bounds, float("inf")], point.bucket_counts, strict=True))[0.25] == 3
    assert metrics["closeshave.fault_in_effect"].gauge.data_points[0].as_int == 0


def test_what_the_collector_refuses_is_said_with_its_reason(receiver: Receiver, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trial goes on; the sentence does not show the header's value."""
    # The library tells the same trouble once in a while only, and another test of this process may just have had it.
    monkeypatch.setattr(logging.getLogger("opentelemetry.exporter.otlp.proto.grpc.exporter"), "filters", [])
    receiver.refuses = True
    shown = told(receiver, writer, *FaultEdge)
    assert len(shown) == 1
    assert f"could not be sent to {receiver.url}" in shown[0][0]
    assert "PERMISSION_DENIED" in shown[0][0]
    assert "s3cret" not in shown[0][0]
