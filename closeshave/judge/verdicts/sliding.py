"""Objectives that must hold in every window of a given length, so that one bad minute is not averaged over a good hour.

Windows move by a quarter of their length, within each phase. To *pass*, every window must prove the promise by itself (a window without enough
requests proves nothing). To *fail*, one window must break it. Because many windows are judged, each is judged at a stricter confidence, so that all
together raise a false alarm in at most 5 runs of 100 (Bonferroni).

Which window is the worst is decided as a window is judged: of times, a stall proves less than as many slow requests that are spread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from closeshave import plurals, quantiles
from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.columns import Flags, Ints
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.windows import WINDOW_NS, Span, origin_ns, within
from closeshave.judge.measures import sampling
from closeshave.judge.measures.counting import Counted, counted
from closeshave.judge.measures.parts import Part
from closeshave.judge.verdict import Status, Verdict
from closeshave.target import TIMES, Objective

STEPS = 4
"""A window moves by this part of its length."""


@dataclass(frozen=True, slots=True)
class Windows:
    """How many requests counted in each window and how many of them kept the promise; three parallel arrays."""

    starts_ns: Ints
    n: Ints
    kept: Ints


def windows(asked: Counted, intended_ns: Ints, covered: Iterable[Span], length_ns: int) -> Windows:
    """Every window within the spans; a span shorter than a window is one by itself."""
    step_ns = max(1, length_ns // STEPS)
    starts: list[Ints] = []
    sizes: list[Ints] = []
    kept: list[Ints] = []
    for span in covered:
        bins = max(STEPS, (span.ended_ns - span.started_ns) // step_ns)
        both = _by_step(asked, intended_ns, span, step_ns, bins)
        for found, counts in ((both.sum(axis=1), sizes), (both[:, 1], kept)):
            total = np.concatenate([[0], np.cumsum(found)])
            counts.append(total[STEPS:] - total[:-STEPS])
        starts.append(span.started_ns + step_ns * np.arange(bins - STEPS + 1, dtype=np.int64))
    nothing = [np.zeros(0, dtype=np.int64)]
    return Windows(*(np.concatenate(each or nothing).astype(np.int64) for each in (starts, sizes, kept)))


def _by_step(asked: Counted, intended_ns: Ints, span: Span, step_ns: int, bins: int) -> NDArray[np.int64]:
    """A row for each step of the span: how many requests broke the promise, and how many kept it."""

    def twice(part: slice) -> Ints:
        due = intended_ns[part]
        mine = asked.rows[part] & (due >= span.started_ns) & (due < span.ended_ns)
        # The rest at a span's end is added to its last window.
        at = np.flatnonzero(mine)
        step = np.minimum((due[at] - span.started_ns) // step_ns, bins - 1)
        found: Ints = 2 * step + asked.kept[part][at]
        return found

    return blocks.counts(len(asked.rows), twice, 2 * bins).reshape(bins, 2)


def clusters(asked: Counted, intended_ns: Ints, covered: Iterable[Span], length_ns: int) -> NDArray[np.float64]:
    """How many requests of each window have the weight of one independent one (:func:`closeshave.judge.measures.sampling.clustering`); parallel to
    :func:`windows`."""
    step_ns = max(1, length_ns // STEPS)
    found: list[float] = []
    for span in covered:
        bins = max(STEPS, (span.ended_ns - span.started_ns) // step_ns)
        steps = span.started_ns + step_ns * np.arange(bins, dtype=np.int64)
        stretches = np.arange(span.started_ns // WINDOW_NS, -(-span.ended_ns // WINDOW_NS), dtype=np.int64)
        # Cells that are wholly in each window or outside, and in one of the stretches by which clusters are told.
        cells = np.union1d(steps, np.maximum(stretches * WINDOW_NS, span.started_ns))
        both = _by_cell(asked, intended_ns, span, cells)
        first, stretch = np.searchsorted(cells, steps), cells // WINDOW_NS
        for start in range(bins - STEPS + 1):
            end = first[start + STEPS] if start + STEPS < bins else len(cells)
            mine = slice(int(first[start]), int(end))
            if not both[mine, 0].any():
                found.append(1.0)
                continue
            at = np.flatnonzero(np.diff(stretch[mine], prepend=-1))
            counts = np.add.reduceat(both[mine], at, axis=0)
            found.append(sampling.clustered(counts.sum(axis=1), counts[:, 0], 1 - asked.required))
    return np.array(found, dtype=np.float64)


def _by_cell(asked: Counted, intended_ns: Ints, span: Span, cells: Ints) -> NDArray[np.int64]:
    """A row for each cell of the span: how many requests broke the promise, and how many kept it."""

    def twice(part: slice) -> Ints:
        due = intended_ns[part]
        at = np.flatnonzero(asked.rows[part] & (due >= span.started_ns) & (due < span.ended_ns))
        found: Ints = 2 * (np.searchsorted(cells, due[at], side="right") - 1) + asked.kept[part][at]
        return found

    return blocks.counts(len(asked.rows), twice, 2 * len(cells)).reshape(len(cells), 2)


def lows_and_highs(
    found: Windows, confidence: float, weights: NDArray[np.float64] | float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Clopper-Pearson bounds of the kept share of each window, one-sided each; 0 and 1 for a window without a request. ``weights`` are :func:`clusters`,
    for the lower bounds: an upper one counts every request."""
    broken = found.n - found.kept
    low = np.where(found.kept == 0, 0.0, quantiles.beta(1 - confidence, np.maximum(found.kept, 1) / weights, broken / weights + 1))
    high = np.where(broken == 0, 1.0, quantiles.beta(confidence, found.kept + 1, np.maximum(broken, 1)))
    return low, high


def decide(
    evidence: Evidence, objective: Objective, part: Part, covered: Sequence[Span], judge: Callable[[Objective, Part], Verdict]
) -> Verdict:
    """The verdict on the worst window, as ``judge`` gives it for the objective at the confidence that so many windows need."""
    assert objective.sliding is not None
    asked = counted(evidence, objective, part.rows)
    length_ns = round(objective.sliding * 1e9)
    found = windows(asked, evidence.intended_ns, covered, length_ns)
    if not len(found.n):
        return judge(objective, part)
    strict = 1 - (1 - objective.confidence) / len(found.n)
    _, highs = lows_and_highs(found, strict)
    bunched = clusters(asked, evidence.intended_ns, covered, length_ns) if objective.measure in TIMES else 1.0
    lows, _ = lows_and_highs(found, objective.confidence, bunched)
    broken = highs < asked.required
    worst = int(np.argmin(highs)) if broken.any() else int(np.argmin(lows))
    start_ns = int(found.starts_ns[worst])
    inside = _window(evidence, covered, start_ns, length_ns)
    held = replace(objective, confidence=strict) if broken.any() else objective
    verdict = judge(held, replace(part, rows=part.rows & inside))
    after_s = (start_ns - (origin_ns(evidence.history.manifest) or 0)) / 1e9
    windows_of = plurals.counted(len(found.n), f"window of {objective.sliding:g} s", f"windows of {objective.sliding:g} s")
    where = f"in the worst of {windows_of}, which starts at second {after_s:.1f}: "
    return verdict if verdict.status is Status.PASS else replace(verdict, reason=where + verdict.reason)


def _window(evidence: Evidence, covered: Sequence[Span], start_ns: int, length_ns: int) -> Flags:
    """The window as :func:`windows` made it: the last one of a span reaches to the span's end."""
    span = next(each for each in covered if each.started_ns <= start_ns < each.ended_ns)
    end_ns = start_ns + length_ns
    last = end_ns + max(1, length_ns // STEPS) > span.ended_ns
    return within(evidence.intended_ns, [Span(start_ns, span.ended_ns if last else min(end_ns, span.ended_ns))])
