"""Writes the files of a run directory: completely or not at all, or line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from closeshave.files import append_line, seal, write_atomically
from closeshave.history.alerts import AlertNote, AlertRule
from closeshave.history.drills import DrillEnded, DrillEvent, DrillProven, DrillStepped
from closeshave.history.events import FaultEvent, InjectPassed, Mark, PersonMarked, Routed, Signal, fault_event
from closeshave.history.whole import Blind, EdgeCount, MachinePart, Manifest, Sent
from closeshave.vocabulary import ALERT_RULES_FILE, ALERTS_FILE, BLIND, EDGE_COUNTS, LOAD_MACHINES, MANIFEST, SENT, TIMELINE

MANIFEST_CODEC = TypeAdapter(Manifest)
EDGES_CODEC = TypeAdapter(tuple[EdgeCount, ...])
BLIND_CODEC = TypeAdapter(tuple[Blind, ...])
MACHINES_CODEC = TypeAdapter(tuple[MachinePart, ...])
ALERT_CODEC = TypeAdapter(AlertNote)
RULES_CODEC = TypeAdapter(tuple[AlertRule, ...])
SENT_CODEC = TypeAdapter(Sent)
Event = FaultEvent | Signal | Mark | Routed | InjectPassed | PersonMarked | DrillEvent
"""What a line of the timeline may hold."""
_EVENT_READERS: Mapping[str, Callable[[Any], Event]] = {
    "fault": fault_event,
    "signal": TypeAdapter(Signal).validate_python,
    "mark": TypeAdapter(Mark).validate_python,
    "routing": TypeAdapter(Routed).validate_python,
    "inject": TypeAdapter(InjectPassed).validate_python,
    "person": TypeAdapter(PersonMarked).validate_python,
    "drill-step": TypeAdapter(DrillStepped).validate_python,
    "drill-proof": TypeAdapter(DrillProven).validate_python,
    "drill-end": TypeAdapter(DrillEnded).validate_python,
}
_NAMES: Mapping[type[Event], str] = {
    FaultEvent: "fault",
    Signal: "signal",
    Mark: "mark",
    Routed: "routing",
    InjectPassed: "inject",
    PersonMarked: "person",
    DrillStepped: "drill-step",
    DrillProven: "drill-proof",
    DrillEnded: "drill-end",
}


def record(run: Path, event: Event) -> None:
    """Append one event to the run's timeline; safe from several processes at once."""
    append_line(run / TIMELINE, {"type": _NAMES[type(event)], **asdict(event)})


def note_alert(run: Path, note: AlertNote) -> None:
    """Append one alert, and return only when it is on the disk: whoever told it does not tell it again."""
    append_line(run / ALERTS_FILE, asdict(note), durable=True)


def alert_of(line: dict[str, Any]) -> AlertNote:
    """The alert that a line tells of. Raises :class:`ValueError`."""
    return ALERT_CODEC.validate_python(line)


def save_alert_rules(run: Path, rules: Iterable[AlertRule]) -> None:
    """Write which rules the monitoring had."""
    write_atomically(run / ALERT_RULES_FILE, RULES_CODEC.dump_json(tuple(rules), indent=1))


def event_of(line: dict[str, Any]) -> Event:
    """The event that a line of the timeline holds. Raises :class:`ValueError`, :class:`KeyError`, :class:`TypeError` or :class:`AttributeError`."""
    return _EVENT_READERS[line.pop("type")](line)


def record_sent(run: Path, sent: Sent) -> None:
    """Append a sender's own counts; of each worker the newest line counts."""
    append_line(run / SENT, asdict(sent))


def save_manifest(run: Path, manifest: Manifest) -> None:
    """Write the manifest, completely or not at all."""
    write_atomically(run / MANIFEST, MANIFEST_CODEC.dump_json(manifest, indent=1))


def load_manifest(run: Path) -> Manifest:
    """Read the manifest. Raises :class:`FileNotFoundError` or :class:`ValueError`: without a manifest a directory is not a run."""
    return MANIFEST_CODEC.validate_json((run / MANIFEST).read_bytes())


def save_edges(run: Path, counts: Iterable[EdgeCount]) -> None:
    """Write the counts of the edge endpoints."""
    write_atomically(run / EDGE_COUNTS, EDGES_CODEC.dump_json(tuple(counts)))


def save_blind(run: Path, windows: Iterable[Blind]) -> None:
    """Write the times for which killed workers recorded nothing."""
    write_atomically(run / BLIND, BLIND_CODEC.dump_json(tuple(windows)))


def save_machines(run: Path, parts: Iterable[MachinePart]) -> None:
    """Write what each load machine sent."""
    write_atomically(run / LOAD_MACHINES, MACHINES_CODEC.dump_json(tuple(parts), indent=1))


WRITING: Mapping[str, Any] = MappingProxyType({"compression": "zstd", "compression_level": 1})
"""Options of Parquet files. The whole file has a checksum, so its pages need none."""


def save_rows(path: Path, rows: pa.Table) -> None:
    """Write a Parquet file completely or not at all, with its checksum."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".writing")
    pq.write_table(rows, scratch, **WRITING)
    seal.finish(scratch, path)
