"""Whole run directories on a disk, as a trial writes them: of a good run, and of one that fails."""

import tempfile
from functools import cache
from pathlib import Path

import pyarrow as pa

from closeshave import history
from tests.judge.histories import Run
from tests.judge.test_assess import whole

PLAN = """
name: p
environment: e
target: t
seed: 1
limits: {duration: 10m, requests: 1000000}
canaries: {home_per_s: 10, away_per_s: 0, latency: 1s, hold: 5s}
phases:
  - {name: warm-up, role: warm-up, duration: 10s, sessions_per_s: 1}
  - {name: calm, role: calm, duration: 100s, sessions_per_s: 1}
  - {name: break, role: fault, duration: 80s, sessions_per_s: 1}
faults:
  - {id: kill, kind: shard.primary-killed, phase: break, at: 10s, hold: 30s, expected: recovers, scope: {shard: 1}}
"""
TARGET = """
name: t
title: T
claims: [{id: C1, text: a promise, how: [load]}]
objectives:
  - {id: availability, claims: [C1], measure: availability, at_least: 99%}
  - {id: recovery, claims: [C1], measure: recovery, at_most: RECOVERY, window: fault, faults: ["shard.*"]}
"""
"""Of :func:`tests.judge.test_assess.whole`, whose platform recovers in 4 s."""
PROMISED = {"pass": "20s", "fail": "1s"}


def keep(run: Run, place: Path) -> Path:
    """The history of ``run`` as files."""
    told = run.history
    history.save_manifest(place, told.manifest)
    for name, rows, schema in (
        (history.OPERATIONS_FILE, told.operations, history.OPERATIONS),
        (history.EFFECTS_FILE, told.effects, history.EFFECTS),
        (history.BOOKINGS_FILE, told.bookings, history.BOOKINGS),
        (history.CAPTURES_FILE, told.captures, history.CAPTURES),
    ):
        assert rows is not None
        history.save_rows(place / name, pa.Table.from_pandas(rows, schema=schema, preserve_index=False))
    for fault in told.faults:
        history.record(place, fault)
    for signal in told.signals:
        history.record(place, signal)
    for sent in told.sent:
        history.record_sent(place, sent)
    history.save_edges(place, told.edges or ())
    return place


def made(place: Path, status: str = "pass") -> Path:
    """A run directory whose verdict is ``status``, pass or fail."""
    (place / "logs").mkdir(parents=True)
    (place / "plan.yaml").write_text(PLAN, encoding="utf-8")
    (place / "target.yaml").write_text(TARGET.replace("RECOVERY", PROMISED[status]), encoding="utf-8")
    for name, content in _kept().items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(content)
    return place


@cache
def _kept() -> dict[str, bytes]:
    """The files of its history, made once: each run directory gets copies."""
    with tempfile.TemporaryDirectory() as made_in:
        place = keep(whole(), Path(made_in))
        return {str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}
