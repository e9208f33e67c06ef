"""An objective as a question about shares: which requests count, which of them kept the promise, and how large a share must.

Ratios are shares. A percentile can be read as one: "p95 of at most 100 ms" says that 95 % of the requests are within 100 ms. So one rule of decision
serves both, and judges of many windows only have to count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.columns import Flags, Ints, equal
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.windows import NEVER_NS
from closeshave.target import Measure, Objective

WORDS = {
    Measure.AVAILABILITY: ("answered well", "not answered well"),
    Measure.ERROR_RATE: ("answered well", "not answered well"),
    Measure.BURN_RATE: ("answered well", "not answered well"),
    Measure.CACHE_HIT_RATIO: ("served from the cache", "not in the cache"),
}
"""What the reason of a verdict calls requests that kept the promise, and those that broke it."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Masks over the history's operations, and the share that must be kept."""

    rows: Flags
    kept: Flags
    required: float


def counted(evidence: Evidence, objective: Objective, rows: Flags) -> Counted:
    """The objective as a share of ``rows``. Raises :class:`ValueError` where its measure is not a share."""
    match objective.measure:
        case Measure.AVAILABILITY:
            return Counted(rows, evidence.good, _bound(objective.at_least))
        case Measure.ERROR_RATE:
            return Counted(rows, evidence.good, 1 - _bound(objective.at_most))
        case Measure.BURN_RATE:
            allowed = evidence.error_budget
            if allowed is None:
                raise ValueError("the target has no availability objective over everything, so there is no budget to burn")
            return Counted(rows, evidence.good, 1 - min(1.0, _bound(objective.at_most) * allowed))
        case Measure.CACHE_HIT_RATIO:
            hit = equal(evidence.operations["cache"], "hit")
            hit = hit if evidence.assumed_good is None else hit | evidence.assumed_good
            return Counted(rows & (evidence.revisits if objective.warm else evidence.lookups), hit, _bound(objective.at_least))
        case Measure.LATENCY | Measure.DATABASE_TIME | Measure.CACHE_TIME:
            bound_ns = round(_bound(objective.at_most) * 1e9)
            timed, time_ns = times(evidence, objective.measure, rows)
            return Counted(timed, blocks.mask(len(rows), lambda part: time_ns(part) <= bound_ns), _bound(objective.percentile))
        case _:
            raise ValueError(f"{objective.measure} is not a share of requests")


TimesOf = Callable[[slice | Ints], Ints]
"""The times of a block of all operations, or of those at some places."""


def times(evidence: Evidence, measure: Measure, rows: Flags) -> tuple[Flags, TimesOf]:
    """Which of ``rows`` have this time, and how long operations took; infinite where the customer got no good answer.

    Times that the platform reports itself count only where it reports one, because a cached answer has no database time.
    """
    if measure is Measure.LATENCY:
        good, response_ns = evidence.good, evidence.response_ns
        return rows, lambda part: np.where(good[part], response_ns[part], NEVER_NS)
    stated = evidence.operations["db_ms" if measure is Measure.DATABASE_TIME else "cache_ms"].to_numpy(dtype=np.float32, na_value=np.nan)
    timed = blocks.mask(len(rows), lambda part: rows[part] & ~np.isnan(stated[part]))
    assumed = evidence.assumed_good

    def of(part: slice | Ints) -> Ints:
        known = timed[part]
        found = np.zeros(len(known), dtype=np.int64)
        found[known] = np.rint(stated[part][known].astype(np.float64) * 1e6).astype(np.int64)
        if assumed is not None:
            found[assumed[part]] = 0
        return found

    return timed, of


def _bound(value: float | None) -> float:
    if value is None:
        raise ValueError("the objective has at_least where its measure needs at_most, or the other way round")
    return value
