"""A whole trial on real servers that tells Prometheus, an OpenTelemetry collector and Grafana what it does: each gets it while it happens."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from closeshave.control import processes
from closeshave.history import FaultEdge
from closeshave.telemetry.settings import GRAFANA_TOKEN, OTLP_HEADERS
from tests.telemetry.conftest import Notes, Receiver
from tests.telemetry.test_otlp import attributes
from tests.trial.conftest import Running, begin, left_by, plan_text

pytestmark = [pytest.mark.trial, pytest.mark.timeout(300)]
TOKEN, HEADER = "planted-grafana-5b1f", "planted-otlp-7c2e"


@pytest.fixture
def running(tmp_path: Path, receiver: Receiver, grafana: Notes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A trial with all three; whatever happens, nothing of it stays."""
    monkeypatch.setenv(GRAFANA_TOKEN, TOKEN)
    monkeypatch.setenv(OTLP_HEADERS, f"x-token={HEADER}")
    found = begin(tmp_path, plan_text(), "--metrics-port", "0", "--otlp", receiver.url, "--grafana", grafana.url)
    yield found
    if found.process.poll() is None:
        found.process.send_signal(signal.SIGINT)
        found.process.wait(60)
    assert processes.poll_until(lambda: left_by(tmp_path) == [], 20), left_by(tmp_path)


def scraped(address: str) -> dict[str, float]:
    """Of each metric, the sum over its labels; empty while nobody listens."""
    try:
        text = httpx.get(address, timeout=5).text
    except httpx.TransportError:
        return {}
    totals: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            totals[sample.name] = totals.get(sample.name, 0) + sample.value
    return totals


def address(output: Path) -> str:
    """Where the metrics are, as the trial says it; empty before."""
    found = re.search(r"metrics: (http://\S+)", output.read_text())
    return found[1] if found else ""


def test_a_trial_tells_its_receivers_what_happens(running: Running, receiver: Receiver, grafana: Notes, tmp_path: Path) -> None:
    """Requests and the fault in the metrics while it is in effect; a span of it with its edges; an annotation of it. No secret stays anywhere."""
    output = tmp_path / "output.txt"
    assert processes.poll_until(lambda: address(output) != "", 60)
    at = address(output)
    assert processes.poll_until(lambda: scraped(at).get("closeshave_fault_in_effect") == 1, 120)
    during = scraped(at)
    assert during["closeshave_requests_total"] > 100
    assert during["closeshave_response_time_seconds_count"] == during["closeshave_requests_total"]
    trial = processes.identify(running.process.pid)
    assert trial is not None
    children = [one for one in processes.descendants(trial) if one != trial]
    assert len(children) > 4
    assert [one for one in children if re.search(f"{TOKEN}|{HEADER}".encode(), environ(one.pid))] == []
    assert processes.poll_until(lambda: scraped(at).get("closeshave_fault_in_effect") == 0, 60)
    code = running.process.wait(180)
    said = output.read_text()
    assert code in {0, 3}, said
    assert "could not be sent" not in said
    assert scraped(at) == {}

    summary = running.summary()
    spans = {span.name: span for span in receiver.spans}
    assert attributes(spans["trial short"])["closeshave.verdict"] == summary["status"]
    edges = [event.name for event in spans["fault primary-killed"].events if event.name in set(FaultEdge)]
    assert edges == list(FaultEdge)
    (requests,) = (metric for metric in receiver.metrics[-1] if metric.name == "closeshave.requests")
    assert sum(point.as_int for point in requests.sum.data_points) == recorded(running.run())
    assert {headers.get("x-token") for headers in receiver.headers} == {HEADER}

    texts = [note["text"] for note in grafana.kept.values()]
    assert any(text.startswith("primary-killed: shard.primary-killed") and "verified-healed" in text for text in texts)
    assert [text for text in texts if text.startswith("phase-started")] == [
        f"phase-started: {name}" for name in ("warm-up", "calm", "broken")
    ]
    assert grafana.tokens == {f"Bearer {TOKEN}"}
    for secret in (TOKEN, HEADER):
        assert subprocess.run(["grep", "-r", "-l", secret, str(tmp_path)], check=False, capture_output=True).stdout == b""


def environ(pid: int) -> bytes:
    """The variables with which a process was started; none of one that has ended."""
    with suppress(OSError):
        return Path("/proc", str(pid), "environ").read_bytes()
    return b""


def recorded(run: Path) -> int:
    """How many requests all senders recorded, by their own count."""
    lines = [json.loads(line) for line in (run / "sent.jsonl").read_text().splitlines()]
    newest = {(line["source"], line["worker"]): line["recorded"] for line in lines}
    return sum(newest.values())
