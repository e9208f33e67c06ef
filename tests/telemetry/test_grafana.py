"""What Grafana gets: one annotation for a fault, which grows with it, and one for each phase."""

from __future__ import annotations

import pytest

from closeshave.history import FaultEdge
from closeshave.telemetry.exporter import exporting
from closeshave.telemetry.settings import Grafana, TelemetrySettings
from closeshave.vocabulary import MarkKind
from tests.telemetry.conftest import Notes
from tests.telemetry.made import MANIFEST, PLAN, WALL_S, Writer


def told(grafana: Notes, writer: Writer, *edges: FaultEdge, fault: str = "primary") -> list[tuple[str, str, str]]:
    """Carry out a trial whose fault passes these edges; returns what was shown at its end."""
    shown: list[tuple[str, str, str]] = []
    with exporting(TelemetrySettings(grafana=Grafana(grafana.url, "s3cret")), lambda *line: shown.append(line)) as exporter:
        exporter.begin(writer.run, lambda: MANIFEST, lambda: PLAN)
        writer.fault(*edges, fault=fault)
    return shown


def test_a_fault_is_one_annotation_from_its_injection_to_its_healing(grafana: Notes, writer: Writer) -> None:
    """Made when it is injected, and changed at every edge after that."""
    assert told(grafana, writer, *FaultEdge) == []
    assert [(method, path) for method, path, _ in grafana.calls] == [
        ("POST", "/api/annotations"),
        *[("PATCH", "/api/annotations/1")] * 3,
    ]
    assert grafana.kept == {
        1: {
            "time": (WALL_S + 11) * 1000,
            "timeEnd": (WALL_S + 13) * 1000,
            "tags": ["closeshave", MANIFEST.id, "fault", "primary", "shard.primary-killed"],
            "text": "primary: shard.primary-killed shard:1: injected, observed after 1.0 s, healed after 2.0 s, verified-healed after 3.0 s",
        }
    }
    assert grafana.tokens == {"Bearer s3cret"}


def test_phases_and_an_early_end_are_annotations_too(grafana: Notes, writer: Writer) -> None:
    """What is written for machines is not."""
    writer.phase("calm", 1)
    writer.mark(MarkKind.ABORT, "the budget is burnt", 5)
    writer.mark(MarkKind.SENDER_PRIORITY, "customers: real time", 5)
    assert told(grafana, writer) == []
    assert [body["text"] for _, _, body in grafana.calls] == ["phase-started: calm", "abort: the budget is burnt"]


def test_markup_in_a_text_is_text(grafana: Notes, writer: Writer) -> None:
    """Grafana shows the text as HTML."""
    writer.mark(MarkKind.ABORT, "<img src=x onerror=alert(1)>", 5)
    assert told(grafana, writer) == []
    assert grafana.calls[0][2]["text"] == "abort: &lt;img src=x onerror=alert(1)&gt;"


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_what_grafana_refuses_is_said_with_its_status(grafana: Notes, writer: Writer, status: int) -> None:
    """And tried again with the next edge, as if nothing had been made."""
    grafana.refuses = status
    shown = told(grafana, writer, *FaultEdge)
    assert [method for method, _, _ in grafana.calls] == ["POST"] * 4
    assert [text for text, _, _ in shown] == [
        f"4 of 4 messages could not be sent to {grafana.url}: POST /api/annotations was answered {status}"
    ]
