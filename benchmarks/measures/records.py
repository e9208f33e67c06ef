"""Records: whether they equal what the server saw, and how long ten million take to reconcile, convert and sum up."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.effort import Effort
from benchmarks.generators import environ, run_locust
from benchmarks.measures.recorded import Recorded
from benchmarks.result import Result, at_least, at_most
from benchmarks.target import Target
from closeshave.history import Source
from closeshave.loadgen.records import Records
from closeshave.loadgen.rows import DTYPE

_RATE_PER_S = 20_000
_REGIONS, _KINDS, _WORKERS = 5, 8, 2


def exact(target: Target, effort: Effort) -> list[Result]:
    """Whether the records equal what the server saw."""
    before = target.requests()
    records = target.root / "exact-records"
    variables = environ(rate=_RATE_PER_S, seconds=effort.exact_requests / _RATE_PER_S)
    run_locust("open_model", target.url, target.root / "exact.log", variables, "-u", "1", "--records", str(records))
    seen, recorded = target.requests() - before - 1, Recorded.read(records).count
    tools = {"recorded": recorded, "seen by the server": seen, "due": effort.exact_requests}
    return [at_most("records that differ from what the server saw", abs(seen - recorded), "requests", 0, tools=tools)]


def ten_million(target: Target, effort: Effort) -> list[Result]:
    """How long it takes to process them, and how much memory."""
    whole = _digest(target.root / "many", effort.operations)
    half = _digest(target.root / "half", effort.operations // 2)
    # Linear: twice as many take at most twice as long, and a tenth for noise.
    growth = whole["seconds"] / half["seconds"]
    name = f"{effort.operations / 1e6:g} million operations digested"
    return [
        at_most(f"{name}: time", whole["seconds"], "s", 15.0, tools=whole),
        at_most(f"{name}: memory", whole["gib"], "GiB", 1.5, tools=whole),
        at_most(f"{name}: time over that of half", growth, "times", 2.2, tools={"half s": half["seconds"], "all s": whole["seconds"]}),
        at_least(f"{name}: reconciled", whole["reconciled"], "yes", 1.0, tools=whole),
    ]


def _digest(directory: Path, operations: int) -> dict[str, float]:
    """Write so many synthetic records, and process them in a separate process, so that its peak of memory is not mixed with others."""
    for worker in range(_WORKERS):
        _write(directory, worker, operations // _WORKERS)
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.digest", str(directory)],
        capture_output=True,
        check=True,
        env=None,
        cwd=Path(__file__).parent.parent.parent,
    )
    told = json.loads(done.stdout)
    figures: dict[str, float] = {"seconds": time.monotonic() - started} | told
    return figures


def _write(directory: Path, worker: int, count: int) -> None:
    rng = np.random.default_rng(worker)
    records = Records(directory, Source.CUSTOMERS, f"worker-{worker}", worker)
    names = [records.texts.code(f"{what}-{at}") for what, many in (("region", _REGIONS), ("kind", _KINDS)) for at in range(many)]
    start_ns = 10**12
    for begin in range(0, count, 500_000):
        size = min(500_000, count - begin)
        rows = np.zeros(size, DTYPE)
        rows["intended_ns"] = start_ns + (begin + np.arange(size)) * 25_000
        rows["started_ns"] = rows["intended_ns"] + rng.integers(0, 200_000, size)
        rows["ended_ns"] = rows["started_ns"] + rng.lognormal(15.0, 1.0, size).astype(np.int64)
        rows["region"] = rng.choice(names[:_REGIONS], size)
        rows["kind"] = rng.choice(names[_REGIONS:], size)
        rows["franchise"], rows["customer"] = rng.integers(1, 100_001, size), rng.integers(0, 1_000_000, size)
        rows["shard"], rows["status"], rows["good"], rows["attempt"], rows["bytes"] = rows["region"] % 4 + 1, 200, 1, 1, 310
        rows["db_ms"], rows["cache_ms"] = rng.random(size), np.nan
        records.add(rows.tobytes())
        records.counters.sent += size
        records.counters.intended += size
        records.flush()
    records.close()
