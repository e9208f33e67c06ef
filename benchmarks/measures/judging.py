"""Judging ten million operations with bookings, payments, faults and a final state, on one core, in a separate process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.result import Result, at_most
from benchmarks.target import Target

_ROOT = Path(__file__).parents[2]


def run(target: Target, effort: Effort) -> list[Result]:
    """Time and peak of memory, and the ratio to half as many operations."""
    whole, half = (_judged(target.root / f"judged-{operations}", operations) for operations in (effort.operations, effort.operations // 2))
    name = f"{effort.operations / 1e6:g} million operations judged"
    return [
        at_most(f"{name}: time", whole["seconds"], "s", 20.0, tools=whole),
        at_most(f"{name}: memory", whole["gib"], "GiB", 1.8, tools=whole),
        at_most(f"{name}: time over that of half", whole["seconds"] / half["seconds"], "times", 2.4, tools={"half s": half["seconds"]}),
    ]


def _judged(run: Path, operations: int) -> dict[str, float]:
    """Written by one process and judged by another, so that the peak of memory is the judges' own."""
    for step in ("write", "judge"):
        command = [sys.executable, "-m", "benchmarks.verdicts", step, str(run), str(operations)]
        done = subprocess.run(command, capture_output=True, check=True, cwd=_ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"})
    figures: dict[str, float] = json.loads(done.stdout)
    return figures
