"""Containment: did a fault stay in its scope? Every franchise is compared with itself, and its change with that of those furthest away.

A request went *wrong* when it was not good or slower than the tightest latency promise. A franchise outside the scope *got worse* when its share of
wrong requests rose, from the calm phase to the time of the fault, by more than that of the franchises furthest from the fault: the effect of other
programs on the machine, or of the hour of the day, is subtracted in this way (difference in differences).

A franchise with too few requests is unknown, never unaffected
---------------------------------------------------------------
Most franchises are
small. One is *unaffected* only when its rise is certainly below :data:`EFFECT`, which takes some thirty requests; one that is neither certainly worse
nor certainly unaffected is unknown. The unknown ones of a shard are judged once more, together: if a share w of their traffic had risen by
:data:`EFFECT` or more, all of it together would have risen by w * EFFECT at least. So the upper bound of that rise limits how many of them can have
got worse, and a lower bound above zero says that some did, although it is unknown which.

The reference must be stable: if the furthest franchises themselves got worse, an effect on all franchises cannot be distinguished from another cause,
and leakage is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.columns import Flags, Floats, shard_ids
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.timeline import Life, operations_of
from closeshave.judge.evidence.windows import latency_bounds, spans, within
from closeshave.judge.measures.change import Change, rise
from closeshave.judge.measures.distance import distances, furthest, of_shards, outside

CONFIDENCE = 0.95
EFFECT = 0.1
"""A franchise got worse if its share of wrong requests rose by at least so much."""
STEADY = 0.05
"""The reference franchises may change by so much and still serve as the reference."""


@dataclass(frozen=True, slots=True)
class Leakage:
    """Shares of the traffic outside the fault's scope, 0 to 1."""

    unknown: str
    """Why the leakage is unknown; empty when it is known."""
    worse: float
    """Traffic of franchises that certainly got worse, whether or not it is known which they are."""
    at_least: float
    at_most: float
    """The same, plus all under-sampled franchises that may have got worse."""
    under_sampled: float
    """Traffic of franchises with too few requests to be judged by themselves."""
    n: int
    """Requests outside the scope while the fault was in effect."""
    named: tuple[int, ...]
    """Franchises that certainly got worse, those with the most traffic first."""
    wrong: Flags
    """Over the history's operations: requests outside the scope that went wrong while the fault was in effect."""


def leakage(evidence: Evidence, life: Life, excused: Flags | None = None) -> Leakage:
    """The fault's effect outside its scope until the harness began to heal it: the harness itself causes the cost of healing (a dozen processes start).

    ``excused`` are disturbed requests. They are counted so that they cannot fail the platform: near the fault as answered well, and at the furthest
    franchises, which are the reference, as they were.
    """
    end_ns = life.unaided_until_ns
    wrong = evidence.customers & _wrong(evidence)
    nobody = np.zeros_like(wrong)
    if life.injected_ns is None:
        return _unknown(f"{life.fault.id} was never injected", nobody)
    found = distances(evidence, life.fault)
    others = evidence.customers & of_shards(evidence, outside(found)) & ~operations_of(evidence, life.fault)
    before = others & within(evidence.intended_ns, spans(evidence.history.manifest, "calm"))
    during = others & (evidence.intended_ns >= life.injected_ns) & (evidence.intended_ns < end_ns)
    n = int(np.count_nonzero(during))
    if not outside(found):
        return _unknown("no franchise is outside its scope", nobody)
    if not n or not before.any():
        return _unknown("there were no requests outside its scope both in calm and while it was in effect", nobody)
    far = of_shards(evidence, furthest(found))
    # If other programs had not disturbed the calm phase, fewer requests would have gone wrong in it, and the rise would be larger.
    reference = _of(before & far, during & far, wrong if excused is None else wrong & ~(excused & before))
    if reference.low[0] > STEADY:
        rose = f"the share of their bad requests rose by {reference.estimate[0]:.1%}"
        return _unknown(
            f"the franchises furthest from the fault got worse too ({rose}): either the fault affected all customers, or something else caused this",
            nobody,
        )
    if reference.high[0] - reference.low[0] > 2 * STEADY:
        return _unknown("the franchises furthest from the fault sent too few requests to compare with", nobody)
    return _told(evidence, before, during, wrong if excused is None else wrong & ~(excused & during), reference, n)


def _told(evidence: Evidence, before: Flags, during: Flags, wrong: Flags, reference: Change, n: int) -> Leakage:
    franchise = evidence.franchise
    size = int(franchise.max()) + 1
    counted = [_count(franchise, rows, size) for rows in (before & wrong, before, during & wrong, during)]
    seen = np.flatnonzero(counted[1] + counted[3])
    bad_before, all_before, bad_during, all_during = (counts[seen] for counts in counted)
    weight = all_before + all_during
    # A falsely named franchise in at most 5 runs of 100 (Bonferroni).
    nameable = max(1, int(np.count_nonzero((all_before > 0) & (all_during > 0))))
    strict = rise(bad_before, all_before, bad_during, all_during, 1 - (1 - CONFIDENCE) / nameable).minus(reference)
    plain = rise(bad_before, all_before, bad_during, all_during, CONFIDENCE).minus(reference)
    worse = strict.low > 0
    unsure = ~worse & (plain.high > EFFECT)
    named = seen[worse][np.lexsort((seen[worse], -weight[worse]))]
    certain = float(weight[worse].sum())
    likely, least, most = certain, certain, certain
    shards = shard_ids(evidence.history.manifest.topology, seen)
    for shard in np.unique(shards[unsure]):
        pool = _sent_to(franchise, seen[unsure & (shards == shard)])
        together = _of(before & pool, during & pool, wrong).minus(reference)
        of_pool = float(weight[unsure & (shards == shard)].sum())
        low, high = max(0.0, float(together.low[0])), max(0.0, float(together.high[0]))
        least += of_pool * low
        likely += of_pool * float(together.estimate[0]) if low else 0.0
        most += of_pool * min(1.0, high / EFFECT)
    total = float(weight.sum())
    return Leakage(
        unknown="",
        worse=likely / total,
        at_least=least / total,
        at_most=most / total,
        under_sampled=float(weight[unsure].sum()) / total,
        n=n,
        named=tuple(int(one) for one in named),
        wrong=during & wrong & (_sent_to(franchise, named) if len(named) else np.True_),
    )


def _of(before: Flags, during: Flags, wrong: Flags) -> Change:
    """The change of all these requests together."""
    bad_before, all_before, bad_during, all_during = (
        np.array([float(np.count_nonzero(rows))]) for rows in (before & wrong, before, during & wrong, during)
    )
    return rise(bad_before, all_before, bad_during, all_during, CONFIDENCE)


def _count(franchise: NDArray[np.signedinteger[Any]], rows: Flags, size: int) -> Floats:
    return blocks.counts(len(rows), lambda part: franchise[blocks.true(rows, part)], size).astype(np.float64)


def _sent_to(franchise: NDArray[np.signedinteger[Any]], some: NDArray[np.signedinteger[Any]]) -> Flags:
    """Operations at any of these franchises."""
    wanted = np.zeros(int(franchise.max(initial=0)) + 1, dtype=np.bool_)
    wanted[some] = True
    return blocks.mask(len(franchise), lambda part: wanted[franchise[part]])


def _wrong(evidence: Evidence) -> Flags:
    """Not good, or slower than the tightest latency promise (the canaries' own where the target has none)."""
    limit_s = min(latency_bounds(evidence.plan, evidence.target).values())
    return ~evidence.good | (evidence.response_ns > round(limit_s * 1e9))


def _unknown(why: str, nobody: Flags) -> Leakage:
    return Leakage(why, 0.0, 0.0, 1.0, 1.0, 0, (), nobody)
