"""``python -m benchmarks.verdicts write|judge RUN OPERATIONS``: writes a synthetic run directory with so many operations, or measures how long it
takes to judge it.

A tenth of the operations are writes with their effects, half of the bookings are paid, and each booking is in the final state. One primary is killed.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from closeshave import history
from closeshave.clock import Anchor
from closeshave.history import BOOKINGS, CAPTURES, EFFECTS, OPERATIONS, EdgeCount, FaultEvent, Injection, Manifest, PhaseTime, Sent, Signal
from closeshave.judge import assess
from closeshave.plan import Expected, Fault, Limits, Phase, Plan, Role
from closeshave.target import Measure, Objective, Target
from closeshave.topology import Shard, Topology

START_NS, WALL_S = 10**13, 1_800_000_000
REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1")
TOPOLOGY = Topology(
    REGIONS, tuple(Shard(n + 1, n * 25_000 + 1, (n + 1) * 25_000, REGIONS[n], REGIONS[(n + 1) % 4]) for n in range(4))
)  # fmt: skip
PHASES = (("warm-up", Role.WARM_UP, 0, 10), ("calm", Role.CALM, 10, 310), ("break", Role.FAULT, 310, 400))
KILL = Fault("kill", "shard.primary-killed", "break", 10, 30, Expected.RECOVERS, {"shard": 1})
PLAN = Plan("p", "e", "t", 1, Limits(600, 10**9), tuple(Phase(name, role, end - start, 1.0) for name, role, start, end in PHASES), (KILL,))
TARGET = Target(
    "t", "T", (),
    (
        Objective("availability", (), Measure.AVAILABILITY, at_least=0.999),
        Objective("availability", (), Measure.AVAILABILITY, at_least=0.999, per="region"),
        Objective("minute", (), Measure.AVAILABILITY, at_least=0.999, sliding=60.0),
        Objective("latency", (), Measure.LATENCY, percentile=0.95, at_most=0.1, per="region"),
        Objective("hottest", (), Measure.LATENCY, percentile=0.95, at_most=0.1, per="franchise_decile"),
        Objective("database-time", (), Measure.DATABASE_TIME, percentile=0.95, at_most=0.1),
        Objective("integrity", (), Measure.INTEGRITY),
        Objective("recovery", (), Measure.RECOVERY, at_most=300, faults=("shard.*",)),
        Objective("loss", (), Measure.LOSS, at_most=30, faults=("shard.*",)),
        Objective("containment", (), Measure.LEAKAGE, at_most=0.1, faults=("shard.*",)),
    ),
)  # fmt: skip


def write(run: Path, count: int) -> None:
    """Write the run directory."""
    rng = np.random.default_rng(1)
    span_ns = PHASES[-1][3] * 10**9
    intended = START_NS + (np.arange(count) * (span_ns / count)).astype(np.int64)
    franchise = np.minimum(rng.zipf(1.3, count), 100_000).astype(np.int64)
    # Popularity independent of the ID, and so of the shard.
    franchise = (franchise * 48_271) % 100_000 + 1
    shard = (franchise - 1) // 25_000 + 1
    canary = rng.random(count) < 0.001
    region = np.where(canary, rng.integers(0, 4, count), shard - 1)
    took = rng.lognormal(15.5, 0.6, count).astype(np.int64)
    wrote = rng.random(count) < 0.1
    kinds = np.where(wrote, "book", "slots")
    down = (shard == 1) & (intended >= START_NS + 320 * 10**9) & (intended < START_NS + 323 * 10**9)
    text = pa.dictionary(pa.int32(), pa.string())
    columns: dict[str, Any] = {
        "id": np.arange(count), "source": np.where(canary, "canary", "customers"), "kind": kinds, "journey": kinds,
        "region": np.array(REGIONS)[region], "shard": shard, "franchise": franchise, "intended_ns": intended, "started_ns": intended + 20_000,
        "ended_ns": intended + took, "outcome": np.where(down, "info", "ok"), "good": ~down, "status": np.where(down, 503, 200),
        "error": pa.array(np.full(count, "status_503"), mask=~down), "attempt": np.ones(count), "bytes": np.full(count, 300),
        "served_by": np.array(REGIONS)[shard - 1], "cache": np.where(wrote, "bypass", "hit"), "db_ms": took / 2e6, "cache_ms": took / 9e6,
    }  # fmt: skip
    _save(run / history.OPERATIONS_FILE, columns, OPERATIONS, text)
    booked = np.flatnonzero(wrote)
    keys = np.char.add("key-", booked.astype(str))
    slots = WALL_S + 10**6 + 3600 * np.arange(len(booked))
    effects: dict[str, Any] = {
        "operation": booked, "action": np.full(len(booked), "create"), "franchise": franchise[booked], "shard": shard[booked], "key": keys,
        "booking": pa.array(booked, mask=down[booked]), "barber": franchise[booked] * 10, "starts_at": slots, "minutes": np.full(len(booked), 30),
        "version": np.ones(len(booked)), "amount": pa.nulls(len(booked), pa.int64()), "session": np.char.add("s-", booked.astype(str)),
        "client": np.full(len(booked), "c"), "read_values": pa.nulls(len(booked), pa.string()),
    }  # fmt: skip
    _save(run / history.EFFECTS_FILE, effects, EFFECTS, text)
    kept = ~down[booked]
    final: dict[str, Any] = {
        "booking": booked[kept], "franchise": franchise[booked][kept], "found_on": shard[booked][kept], "barber": (franchise[booked] * 10)[kept],
        "client": np.full(kept.sum(), "c"), "starts_at": slots[kept], "minutes": np.full(kept.sum(), 30), "status": np.full(kept.sum(), "scheduled"),
        "version": np.ones(kept.sum()), "key": keys[kept], "created_at": WALL_S + (intended[booked][kept] - START_NS + 50_000) / 1e9,
        "price_cents": np.full(kept.sum(), 3000),
    }  # fmt: skip
    _save(run / history.BOOKINGS_FILE, final, BOOKINGS, text)
    history.save_rows(run / history.CAPTURES_FILE, CAPTURES.empty_table())
    anchor = Anchor(START_NS, WALL_S * 10**9, 1000)
    phases = tuple(PhaseTime(name, role, START_NS + start * 10**9, START_NS + end * 10**9) for name, role, start, end in PHASES)
    history.save_manifest(run, Manifest("r", "p", "e", "t", 1, "rehearsed", "0", "2027-01-15T08:00:00+00:00", anchor, TOPOLOGY, phases))
    injection = Injection("shard:1", (), START_NS + 320 * 10**9, START_NS + 320 * 10**9, ())
    for edge, at_s in (("injected", 320.0), ("observed", 320.1), ("healed", 350.0), ("verified-healed", 351.0)):
        history.record(run, FaultEvent("kill", edge, START_NS + round(at_s * 1e9), injection if edge == "injected" else None))
    history.record(run, Signal(START_NS + 322 * 10**9, "promoted", "shard:1", "patroni.log"))
    for source, n in (("customers", int((~canary).sum())), ("canary", int(canary.sum()))):
        history.record_sent(run, Sent(source, "1", n, n, n, finished=True, requests=n))
    history.save_edges(run, [EdgeCount("us-east-1", count)])


def _save(path: Path, columns: dict[str, Any], schema: pa.Schema, text: pa.DataType) -> None:
    arrays = []
    for field in schema:
        values = columns[field.name]
        array = values if isinstance(values, pa.Array) else pa.array(values)
        arrays.append(array.dictionary_encode() if field.type == text else array.cast(field.type))
    history.save_rows(path, pa.Table.from_arrays(arrays, schema=schema))


def judge(run: Path) -> dict[str, float]:
    """Seconds of wall clock and of processor, peak of memory in GiB, and the number of verdicts."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    started, busy = time.monotonic(), time.process_time()
    recorded = history.load(run)
    read = time.monotonic() - started
    assessment = assess(recorded, PLAN, TARGET)
    return {
        "seconds": time.monotonic() - started,
        "cpu s": time.process_time() - busy,
        "read s": read,
        "gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "verdicts": float(len(assessment.verdicts)),
        "judges that raised": float(sum(verdict.measure == "judge" for verdict in assessment.verdicts)),
    }


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        print(json.dumps(judge(Path(sys.argv[2]))))
