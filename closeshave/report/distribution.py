"""How long answers took, as a distribution over logarithmic bins, in calm and under faults. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from closeshave.history import PhaseTime
from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.windows import Span, within
from closeshave.plan import Role
from closeshave.report.series import Floats, Integers, Whole, customers, percentiles, response_us

_BINS_PER_DECADE = 16


@dataclass(frozen=True, slots=True)
class Distribution:
    """The response times of the phases of one role."""

    role: str
    n: int
    edges_ms: Floats
    """Of the bins, one more than ``share`` has entries; equally wide on a logarithmic axis."""
    share: Floats
    """Of the requests in each bin; sums to 1."""
    p50_ms: float
    p95_ms: float
    p99_ms: float


def distributions(operations: pd.DataFrame, phases: tuple[PhaseTime, ...]) -> tuple[Distribution, ...]:
    """One distribution for calm and one for the fault phases, over the same bins; a role without requests is left out."""
    rows, due = customers(operations), operations["intended_ns"].to_numpy(np.int64)
    found = []
    for role in (Role.CALM, Role.FAULT):
        spans = [Span(phase.started_ns, phase.ended_ns) for phase in phases if phase.role == role]
        inside = rows & within(due, spans)
        if inside.any():
            found.append((role, np.maximum(response_us(operations, inside), 1)))
    if not found:
        return ()
    low = np.floor(min(np.log10(values.min() / 1_000) for _, values in found))
    high = np.ceil(max(np.log10(values.max() / 1_000) for _, values in found) + 1e-9)
    edges = np.logspace(low, high, int(high - low) * _BINS_PER_DECADE + 1)
    answer = []
    for role, values in found:
        counts = np.sum(blocks.each(len(values), partial(_counts, values, edges)), axis=0)
        p50, p95, p99 = percentiles(np.zeros(len(values), np.int8), values, 1, (0.5, 0.95, 0.99))[:, 0] / 1_000
        answer.append(Distribution(role.value, len(values), edges, counts / max(counts.sum(), 1), float(p50), float(p95), float(p99)))
    return tuple(answer)


def _counts(values: Whole, edges_ms: Floats, part: slice) -> Integers:
    found: Integers = np.histogram(values[part] / 1_000, edges_ms)[0].astype(np.int64)
    return found
