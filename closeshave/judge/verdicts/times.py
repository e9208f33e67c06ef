"""Verdicts on percentiles of times: response times of customers, and times that the platform reports for its database and its cache.

Percentiles are counted over *all* requests of the sample: one that was not good counts as infinitely slow. If only good ones counted, a platform
could improve its p95 by refusing the slowest 6 % at once with a 503.

Requests are not independent: a stall slows hundreds at once. So for a *pass* the sample counts as smaller if its slow requests come in clusters
(:func:`closeshave.judge.measures.sampling.clustering`). A *fail* states what customers saw in this run, and counts every request.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.columns import Flags, Ints
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.windows import NEVER_NS, WINDOW_NS
from closeshave.judge.evidence.witness import first_and_worst, operation_witness
from closeshave.judge.measures import sampling
from closeshave.judge.measures.counting import TimesOf, times
from closeshave.judge.measures.parts import Part
from closeshave.judge.verdict import Status, Verdict
from closeshave.judge.verdicts.shares import needed_text
from closeshave.plurals import counted
from closeshave.target import Measure, Objective


def decide(evidence: Evidence, objective: Objective, part: Part, blank: Verdict) -> Verdict:
    """Pass when the percentile's upper confidence bound is within the objective, fail when its lower one is past it."""
    assert objective.percentile is not None
    rows, time_ns = times(evidence, objective.measure, part.rows)
    n = int(np.count_nonzero(rows))
    if not n:
        return blank
    if objective.at_most is None:
        return replace(blank, n=n, reason="the objective needs at_most, because less time is better")
    bound_ns = round(objective.at_most * 1e9)
    sample, sizes, slow = _sampled(rows, evidence.intended_ns, time_ns, bound_ns)
    clusters, kept = sampling.clustered(sizes, slow, 1 - objective.percentile), n - int(slow.sum())
    lower, upper = sampling.bound_ranks(n, objective.percentile, objective.confidence, clusters)
    middle = sampling.rank_of(objective.percentile, n)
    sample.partition(sorted({rank for rank in (lower - 1, middle, upper - 1) if 0 <= rank < n}))
    measured, (low, high) = int(sample[middle]), sampling.at_ranks(sample, lower, upper)
    del sample
    found = replace(blank, n=n, measured=_seconds(measured), confidence=_interval(low, high), reason="")
    if sampling.share_bounds(kept, n, objective.confidence, clusters)[0] >= objective.percentile:
        return replace(found, status=Status.PASS)
    promised = f"{objective.at_most * 1e3:g} ms"
    text = "does not exist, because too many of them were not answered well" if measured == NEVER_NS else f"is {measured / 1e6:,.1f} ms"
    said = f"the p{objective.percentile * 100:g} of {counted(n, 'request')} {text}"
    if low > bound_ns:
        guilty = blocks.mask(len(rows), lambda part: rows[part] & (time_ns(part) > bound_ns))
        why = f"a request slower than {promised} or not answered well"
        # Among those not answered well, the one that took longest is the worst: of response times none is infinite.
        worst = evidence.response_ns if objective.measure is Measure.LATENCY else _all(evidence, time_ns)
        shown = tuple(
            operation_witness(evidence.operations, position, why)
            for position in first_and_worst(guilty, evidence.intended_ns, worst, evidence.ids)
        )
        return replace(found, status=Status.FAIL, reason=f"{said}; the promise is at most {promised}", witnesses=shown)
    bunched = f" (slow requests come in clusters, so these count as {n / clusters:,.0f} independent ones)" if clusters > 1 else ""
    needed = needed_text(n - kept, n, 1 - objective.percentile, objective.confidence) if clusters == 1 else ""
    return replace(found, reason=f"{said}: too few requests to decide whether the promise of at most {promised} is kept{bunched}{needed}")


def _sampled(rows: Flags, intended_ns: Ints, time_ns: TimesOf, bound_ns: int) -> tuple[Ints, Ints, Ints]:
    """The times of ``rows``; and by window of the run how many of them were due in it, and how many of these took longer than the bound."""
    sizes = blocks.each(len(rows), lambda part: int(np.count_nonzero(rows[part])))
    ends = np.cumsum([0, *sizes])
    sample = blocks.array(int(ends[-1]), np.int64)

    def windows(part: slice) -> tuple[int, Ints]:
        """The first window of the block, and twice as many counts as it has windows: within the bound, and slower."""
        at = part.start // blocks.ROWS
        if not sizes[at]:
            return 0, np.empty(0, dtype=np.int64)
        mine = blocks.true(rows, part)
        took = time_ns(mine)
        sample[ends[at] : ends[at + 1]] = took
        window = intended_ns[mine] // WINDOW_NS
        first = int(window.min())
        return first, np.bincount(2 * (window - first) + (took > bound_ns))

    found = [(first, counts) for first, counts in blocks.each(len(rows), windows) if len(counts)]
    least = min(first for first, _ in found)
    both = np.zeros((max(first + -(-len(counts) // 2) for first, counts in found) - least, 2), dtype=np.int64)
    for first, counts in found:
        both.ravel()[2 * (first - least) : 2 * (first - least) + len(counts)] += counts
    return sample, both.sum(axis=1), both[:, 1]


def _all(evidence: Evidence, time_ns: TimesOf) -> Ints:
    """The times of all operations in one column."""
    return blocks.into(evidence.history.room.array(len(evidence.operations), np.int64), time_ns)


def _seconds(time_ns: int) -> float | None:
    return None if time_ns == NEVER_NS else time_ns / 1e9


def _interval(low_ns: int, high_ns: int) -> tuple[float, float] | None:
    """``None`` where the sample is too small for one of the bounds: JSON has no infinity."""
    return None if NEVER_NS in (low_ns, high_ns) else (low_ns / 1e9, high_ns / 1e9)
