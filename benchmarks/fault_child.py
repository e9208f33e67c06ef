"""``python -m benchmarks.fault_child RUN…``: does the process of a fault disturb customers while it starts? From recorded runs; measures nothing itself.

That process is forked :data:`LEAD_NS` before its injection, and then waits. The 95th percentile of customers' response times in those seconds is divided
by that of the same number of seconds before them. The same ratio of all neighbouring stretches of the calm phase says what chance alone does.
Faults before whose injection another fault was in effect are left out.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap, mannwhitneyu  # type: ignore[import-untyped]  # scipy ships no types

from closeshave import history
from closeshave.history import History
from closeshave.trial.schedule import LEAD_NS

MIN_REQUESTS = 100
"""A stretch with fewer requests has no 95th percentile that is worth a comparison."""
SEED = 1


def ratios(run: History) -> tuple[list[float], list[float]]:
    """The ratios of the stretches in which a process of a fault started, and of neighbouring stretches of calm."""
    rows = run.operations[run.operations["source"] == "customers"]
    due = rows["intended_ns"].to_numpy(np.int64)
    took_ms = (rows["ended_ns"].to_numpy(np.int64) - due) / 1e6
    order = np.argsort(due)
    due, took_ms = due[order], took_ms[order]
    taken = [(start, end) for start, end in _in_effect(run)]
    starting = [
        _ratio(due, took_ms, strike)
        for strike in _strikes(run)
        if not any(start < strike and end > strike - 2 * LEAD_NS for start, end in taken)
    ]
    calm = next(phase for phase in run.manifest.phases if phase.role == "calm")
    chance = [_ratio(due, took_ms, end) for end in range(calm.started_ns + 2 * LEAD_NS, calm.ended_ns - LEAD_NS, 2 * LEAD_NS)]
    return [each for each in starting if each], [each for each in chance if each]


def _strikes(run: History) -> list[int]:
    return [event.at_ns for event in run.faults if event.edge == "injected"]


def _in_effect(run: History) -> list[tuple[int, int]]:
    began = {event.fault: event.at_ns for event in run.faults if event.edge == "injected"}
    ended = {event.fault: event.at_ns for event in run.faults if event.edge == "verified-healed"}
    return [(at, ended.get(fault, sys.maxsize)) for fault, at in began.items()]


def _ratio(due: NDArray[np.int64], took_ms: NDArray[np.float64], end_ns: int) -> float | None:
    """Of the stretch that ends at ``end_ns`` to the one before it; ``None`` if either has too few requests."""
    first, middle, last = np.searchsorted(due, [end_ns - 2 * LEAD_NS, end_ns - LEAD_NS, end_ns])
    if min(middle - first, last - middle) < MIN_REQUESTS:
        return None
    return float(np.percentile(took_ms[middle:last], 95) / np.percentile(took_ms[first:middle], 95))


def main(runs: Sequence[str]) -> int:
    """Print both medians with their intervals. Returns 0; 2 without runs."""
    if not runs:
        print(__doc__, file=sys.stderr)
        return 2
    found = [ratios(history.load(Path(run))) for run in runs]
    starting = [each for some, _ in found for each in some]
    chance = [each for _, some in found for each in some]
    for name, values in (("a fault's process starts", starting), ("calm, nothing starts", chance)):
        low, high = bootstrap((values,), np.median, rng=np.random.default_rng(SEED)).confidence_interval
        interval = f"95 %: {low:.3f} to {high:.3f}; {len(values)} pairs"
        print(f"{name}: p95 is {np.median(values):.3f} times that of the {LEAD_NS / 1e9:.0f} s before ({interval})")
    print(f"the two differ by chance with p = {mannwhitneyu(starting, chance).pvalue:.2f} (Mann-Whitney)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
