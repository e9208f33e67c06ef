"""The whole way from a run's files to a receiver; and that no receiver, whatever it does, disturbs a trial."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from closeshave.control.processes import poll_until
from closeshave.files.yamlfile import InvalidFile
from closeshave.history import FaultEdge, Source
from closeshave.telemetry.exporter import Exporter, exporting
from closeshave.telemetry.settings import LOOPBACK, NOTHING, Collector, Grafana, Listen, TelemetrySettings
from tests.telemetry.made import EAST, MANIFEST, PLAN, WALL_S, Writer

SERVED = TelemetrySettings(metrics=Listen(LOOPBACK, 0))
WITHIN_S = 20.0


def scraped(exporter: Exporter) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """What a scrape gets, as the field's own parser reads it."""
    text = httpx.get(exporter.address, verify=False).text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(exporter: Exporter, name: str, **labels: str) -> float | None:
    """One figure of a scrape; ``None`` where there is none."""
    return scraped(exporter).get((name, frozenset(labels.items())))


def said(settings: TelemetrySettings, run: Path, writer: Writer) -> list[tuple[str, str, str]]:
    """Everything that is shown at the end of a trial with one fault."""
    shown: list[tuple[str, str, str]] = []
    with exporting(settings, lambda *line: shown.append(line)) as exporter:
        exporter.begin(run, lambda: MANIFEST, lambda: PLAN)
        writer.requests(1, 0.1)
        writer.fault(*FaultEdge)
    return shown


def test_a_scrape_shows_the_trial_as_it_is_now(writer: Writer) -> None:
    """Requests, response times, the phase and the fault; and nothing of them once the trial is over."""
    exporter = Exporter.open(SERVED)
    try:
        assert scraped(exporter) == {}
        exporter.begin(writer.run, lambda: MANIFEST, lambda: PLAN)
        writer.phase("broken", 30)
        writer.requests(3, 0.2)
        writer.requests(1, 0.002, source=Source.CANARY, good=False)
        writer.fault(FaultEdge.PLANNED, FaultEdge.INJECTED)
        fault = {"fault": "primary", "kind": "shard.primary-killed", "scope": "shard:1"}
        assert poll_until(lambda: value(exporter, "closeshave_fault_in_effect", **fault) == 1, WITHIN_S)
        books = {"source": "customers", "operation": "book", "region": EAST}
        assert value(exporter, "closeshave_requests_total", **books, shard="1", outcome="ok", good="true") == 3
        assert value(exporter, "closeshave_response_time_seconds_bucket", **books, le="0.1") == 0
        assert value(exporter, "closeshave_response_time_seconds_bucket", **books, le="0.25") == 3
        assert value(exporter, "closeshave_response_time_seconds_count", **books) == 3
        assert value(exporter, "closeshave_response_time_seconds_sum", **books) == pytest.approx(0.6)
        assert value(exporter, "closeshave_phase", phase="broken", role="fault") == 1
        assert value(exporter, "closeshave_phase", phase="calm", role="calm") == 0
        assert value(exporter, "closeshave_planned_sessions_per_second") == 7.0
        assert value(exporter, "closeshave_fault_edge_timestamp_seconds", **fault, edge="injected") == pytest.approx(WALL_S + 11)
        writer.fault(FaultEdge.OBSERVED, FaultEdge.HEALED)
        assert poll_until(lambda: value(exporter, "closeshave_fault_in_effect", **fault) == 0, WITHIN_S)
    finally:
        assert exporter.close() == ()
    with pytest.raises(httpx.ConnectError):
        httpx.get(exporter.address, verify=False)


def test_a_text_from_outside_is_a_value_and_nothing_else(writer: Writer) -> None:
    """An operation's name may hold whatever a scenario called it."""
    name = 'a"} 1\ncloseshave_requests_total{good="true",x="\\'
    exporter = Exporter.open(SERVED)
    try:
        exporter.begin(writer.run, lambda: MANIFEST, lambda: PLAN)
        writer.requests(2, 0.1, name)
        assert poll_until(lambda: any(key[0] == "closeshave_requests_total" for key in scraped(exporter)), WITHIN_S)
        shown = [dict(labels)["operation"] for metric, labels in scraped(exporter) if metric == "closeshave_requests_total"]
        # The end of a line is lost where a worker writes its texts, a line each.
        assert shown == [name.replace("\n", " ")]
    finally:
        exporter.close()


def test_without_a_receiver_nothing_is_read(writer: Writer) -> None:
    """Neither a thread nor a port."""
    exporter = Exporter.open(NOTHING)
    exporter.begin(writer.run, lambda: MANIFEST, lambda: PLAN)
    assert exporter.address == ""
    assert exporter._thread is None
    assert exporter.close() == ()


def test_a_port_that_is_taken_is_refused_before_anything_starts() -> None:
    """With the option's name, the address and the system's reason."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InvalidFile, match=rf"--metrics-port: cannot listen on 127\.0\.0\.1:{port}: .*in use"):
            Exporter.open(TelemetrySettings(metrics=Listen(LOOPBACK, port)))


def test_a_package_that_is_missing_is_refused_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenTelemetry is an extra."""
    monkeypatch.setitem(__import__("sys").modules, "closeshave.telemetry.otlp", None)
    with pytest.raises(InvalidFile, match=r"--otlp: needs a package that is not installed .*closeshave\[otlp\]"):
        Exporter.open(TelemetrySettings(otlp=Collector("http://127.0.0.1:4317")))


@pytest.mark.thorough
@pytest.mark.parametrize("receiver", ["otlp", "grafana"])
def test_a_receiver_that_is_not_there_is_said_at_the_end(writer: Writer, receiver: str) -> None:
    """Once, with how much was lost, where to, and why; the token is not shown."""
    with socket.socket() as closed:
        closed.bind((LOOPBACK, 0))
        url = f"http://{LOOPBACK}:{closed.getsockname()[1]}"
        settings = TelemetrySettings(otlp=Collector(url)) if receiver == "otlp" else TelemetrySettings(grafana=Grafana(url, "s3cret"))
        shown = said(settings, writer.run, writer)
    assert [(heading, style) for _, heading, style in shown] == [("telemetry", "yellow")]
    assert f"could not be sent to {url}" in shown[0][0]
    assert "s3cret" not in shown[0][0]


@pytest.mark.thorough
def test_a_broken_run_directory_does_not_end_the_telemetry(writer: Writer) -> None:
    """What cannot be read is counted; the next look goes on."""
    exporter = Exporter.open(SERVED)
    try:
        (writer.run / "timeline.jsonl").mkdir()
        exporter.begin(writer.run, lambda: MANIFEST, lambda: PLAN)
        assert poll_until(lambda: (value(exporter, "closeshave_telemetry_failures_total", receiver="none") or 0) >= 1, WITHIN_S)
        (writer.run / "timeline.jsonl").rmdir()
        writer.phase("calm", 0)
        assert poll_until(lambda: value(exporter, "closeshave_phase", phase="calm", role="calm") == 1, WITHIN_S)
    finally:
        told = exporter.close()
    assert len(told) == 1
    assert "IsADirectoryError" in told[0]


@pytest.mark.thorough
def test_a_torn_or_foreign_line_of_the_timeline_is_passed_over(writer: Writer) -> None:
    """The judges report it; here it must only do no harm."""
    (writer.run / "timeline.jsonl").write_text('{"type":"no such"}\n[]\nnonsense\n')
    exporter = Exporter.open(SERVED)
    try:
        exporter.begin(writer.run, lambda: MANIFEST, lambda: PLAN)
        writer.phase("calm", 0)
        assert poll_until(lambda: value(exporter, "closeshave_phase", phase="calm", role="calm") == 1, WITHIN_S)
    finally:
        assert exporter.close() == ()
