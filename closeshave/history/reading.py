"""Reads a run directory as far as possible, and reports what could not be read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from closeshave.files import seal
from closeshave.history.alerts import AlertNote
from closeshave.history.columns import BOOKINGS, CACHE_ENTRIES, CAPTURES, DIVERGED, EFFECTS, JOBS, OPERATIONS, PLACEMENTS, UPDATES, to_frame
from closeshave.history.drills import DrillEvent
from closeshave.history.events import FaultEvent, InjectPassed, Mark, PersonMarked, Routed, Signal
from closeshave.history.files import ALERT_CODEC, BLIND_CODEC, EDGES_CODEC, MACHINES_CODEC, RULES_CODEC, SENT_CODEC, event_of, load_manifest
from closeshave.history.mapped import mapped
from closeshave.history.room import IN_MEMORY, Room
from closeshave.history.whole import History
from closeshave.plurals import counted
from closeshave.vocabulary import (
    ALERT_RULES_FILE,
    ALERTS_FILE,
    BLIND,
    BOOKINGS_FILE,
    CACHE_ENTRIES_FILE,
    CAPTURES_FILE,
    DIVERGED_FILE,
    DRILLS,
    EDGE_COUNTS,
    EFFECTS_FILE,
    JOBS_FILE,
    LOAD_MACHINES,
    ODD_EFFECTS,
    OPERATIONS_FILE,
    PLACEMENTS_FILE,
    PROBE_KEY,
    RESOURCES_FILE,
    RESTORED,
    SENT,
    TIMELINE,
    UPDATES_FILE,
)

if TYPE_CHECKING:
    import pandas as pd

AT_ONCE = 100_000
"""Rows of a table that is read at once; of a longer one it matters how much memory that needs."""


def load(run: Path) -> History:
    """Read a run directory. Missing or damaged parts are named in ``damage``, down to the line; only a missing or damaged manifest raises."""
    # The default allocator keeps what decompression needed, which for ten million rows is an eighth of all that judging takes.
    pa.set_memory_pool(pa.system_memory_pool())
    damage: list[str] = []
    manifest = load_manifest(run)
    events = _lines(run / TIMELINE, event_of, damage)
    if manifest.phases and not events:
        damage.append(f"{TIMELINE} is empty, so it is unknown when the phases started")
    sent = _lines(run / SENT, SENT_CODEC.validate_python, damage)
    room = Room.beside(run)
    operations = _rows(run / OPERATIONS_FILE, OPERATIONS, damage, room)
    effects = _rows(run / EFFECTS_FILE, EFFECTS, damage, room)
    if odd := _count_lines(run / ODD_EFFECTS):
        whose = counted(odd, "effect that does", "effects that do")
        damage.append(f"{EFFECTS_FILE} lacks values of {whose} not fit its columns; {ODD_EFFECTS} holds them")
    history = History(
        manifest=manifest,
        operations=operations if operations is not None else to_frame(OPERATIONS.empty_table()),
        effects=effects if effects is not None else to_frame(EFFECTS.empty_table()),
        faults=tuple(event for event in events if isinstance(event, FaultEvent)),
        signals=tuple(event for event in events if isinstance(event, Signal)),
        marks=tuple(event for event in events if isinstance(event, Mark)),
        routings=tuple(event for event in events if isinstance(event, Routed)),
        injects=tuple(event for event in events if isinstance(event, InjectPassed)),
        people=tuple(event for event in events if isinstance(event, PersonMarked)),
        sent=tuple({(one.source, one.worker): one for one in sent}.values()),
        edges=_whole(run / EDGE_COUNTS, EDGES_CODEC, None, damage),
        bookings=_customers(_rows(run / BOOKINGS_FILE, BOOKINGS, damage, room))
        if manifest.final_state or (run / BOOKINGS_FILE).is_file()
        else None,
        # A run that needs no ledger may still have read one.
        captures=_rows(run / CAPTURES_FILE, CAPTURES, damage, room)
        if manifest.payments_ledger or (run / CAPTURES_FILE).is_file()
        else None,
        resources=_rows(run / RESOURCES_FILE, None, damage) if (run / RESOURCES_FILE).exists() else None,
        cache_entries=_rows(run / CACHE_ENTRIES_FILE, CACHE_ENTRIES, damage) if manifest.looked_inside else None,
        placements=_rows(run / PLACEMENTS_FILE, PLACEMENTS, damage) if manifest.looked_inside else None,
        diverged=_customers(_rows(run / DIVERGED_FILE, DIVERGED, damage)) if (run / DIVERGED_FILE).exists() else None,
        jobs=_rows(run / JOBS_FILE, JOBS, damage, room) if manifest.jobs else None,
        updates=_rows(run / UPDATES_FILE, UPDATES, damage, room) if manifest.followed_within_s is not None else None,
        drills=tuple(event for event in events if isinstance(event, DrillEvent)),
        restored=_restored(run, damage),
        alerts=_alerts(run, damage) if manifest.alerts is not None else None,
        alert_rules=_whole(run / ALERT_RULES_FILE, RULES_CODEC, None, damage),
        room=room,
        blind=_whole(run / BLIND, BLIND_CODEC, (), damage),
        machines=_whole(run / LOAD_MACHINES, MACHINES_CODEC, (), damage),
        # The last one: all that is read before may be damaged.
        damage=tuple(damage),
    )
    pa.default_memory_pool().release_unused()
    return history


def _alerts(run: Path, damage: list[str]) -> tuple[AlertNote, ...] | None:
    """Every alert that was told; ``None`` where the run should have them and has not."""
    if not (run / ALERTS_FILE).is_file():
        damage.append(f"{ALERTS_FILE} is missing")
        return None
    return tuple(_lines(run / ALERTS_FILE, ALERT_CODEC.validate_python, damage))


def _restored(run: Path, damage: list[str]) -> dict[str, pd.DataFrame]:
    """The bookings that each drill read from its restored database. A file that cannot be read is damage, and missing here."""
    found = {path.parent.name: _customers(_rows(path, BOOKINGS, damage)) for path in sorted((run / DRILLS).glob(f"*/{RESTORED}"))}
    return {drill: rows for drill, rows in found.items() if rows is not None}


def _customers(rows: pd.DataFrame | None) -> pd.DataFrame | None:
    """Without the bookings of probes, which no sender requested: whatever becomes of them is the probes' own matter."""
    if rows is None or rows.empty:
        return rows
    of_probes = rows["key"].str.startswith(PROBE_KEY, na=False).to_numpy(dtype="bool")
    return rows[~of_probes].reset_index(drop=True) if of_probes.any() else rows


def _count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def _rows(path: Path, schema: pa.Schema | None, damage: list[str], room: Room = IN_MEMORY) -> pd.DataFrame | None:
    if not path.is_file():
        damage.append(f"{path.name} is missing")
        return None
    try:
        if reason := seal.broken(path):
            damage.append(f"{path.name} was changed after it was written: {reason}")
            return None
        if schema is None or pq.read_metadata(path).num_rows <= AT_ONCE:
            return to_frame(pq.read_table(path, schema=schema))
        return mapped(path, schema, room)
    except (pa.ArrowException, OSError, ValueError) as error:
        damage.append(f"{path.name} cannot be read: {_told(error, path)}")
        return None


def _whole(path: Path, codec: TypeAdapter[Any], otherwise: Any, damage: list[str]) -> Any:
    """A JSON file; ``otherwise`` if it is missing or damaged."""
    if not path.exists():
        return otherwise
    try:
        return codec.validate_json(path.read_bytes())
    except (ValueError, OSError, RecursionError) as error:
        damage.append(f"{path.name} cannot be read: {_told(error, path)}")
        return otherwise


def _lines(path: Path, parse: Callable[[Any], Any], damage: list[str]) -> list[Any]:
    """The records of a JSON-lines file. A line that is incomplete or not a record is reported and left out; the others are still used."""
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True) if path.exists() else (), start=1):
        if not line.endswith(b"\n"):
            damage.append(f"{path.name}:{number} is incomplete: its writer was stopped while writing it")
            continue
        try:
            found.append(parse(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            damage.append(f"{path.name}:{number} cannot be read: {_told(error, path)}")
    return found


def _told(error: Exception, path: Path) -> str:
    """The first line of an error, with the file's name instead of its path, which readers of a verdict may not have."""
    return f"{type(error).__name__}: {error}".partition("\n")[0].replace(str(path), path.name)
