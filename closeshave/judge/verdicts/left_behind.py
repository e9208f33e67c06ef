"""Did single franchises stay without service? Canaries say when a scope has recovered; customers of a few franchises may still get no service.

A franchise was left behind when, after the scope had recovered and held, every request of its customers was not good up to the harness's healing,
and there were at least :data:`REQUESTS`. On a correct platform that fails one request in a hundred, this happens to one franchise in a million.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from closeshave.judge.evidence.columns import ints
from closeshave.judge.evidence.timeline import Life, operations_of
from closeshave.judge.evidence.witness import first_and_worst, row
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Status, Verdict
from closeshave.plurals import counted

REQUESTS = 3


def judge(analysis: Analysis, life: Life) -> tuple[Verdict, ...]:
    """``left-behind/ID``; nothing where there was no recovery to be left behind by, or no customer to see it."""
    found = analysis.recoveries.get(life.fault.id)
    if found is None or found.blind or found.restored_ns is None or found.impact_ns is None:
        return ()
    evidence = analysis.evidence
    since_ns = found.restored_ns + round(evidence.plan.canaries.hold * 1e9)
    rows = (
        evidence.customers
        & operations_of(evidence, life.fault)
        & (evidence.intended_ns >= since_ns)
        & (evidence.intended_ns < life.hurting_until_ns)
    )
    franchise = ints(evidence.operations["franchise"], -1)
    seen, place, visits = np.unique(franchise[rows], return_inverse=True, return_counts=True)
    if not len(seen):
        return ()
    wrong = np.bincount(place, weights=~evidence.good[rows], minlength=len(seen))
    behind = seen[(visits >= REQUESTS) & (wrong == visits)]
    unexcused = np.bincount(place, weights=~evidence.good[rows] & ~evidence.touched[rows], minlength=len(seen))
    alone = seen[(visits >= REQUESTS) & (unexcused == visits)]
    verdict = Verdict(
        id=f"left-behind/{life.fault.id}",
        claims=(),
        status=Status.PASS,
        measure="left_behind",
        scope=f"fault:{life.fault.id}",
        measured=float(len(behind)),
        bound=0.0,
        unit="count",
        n=int(np.count_nonzero(rows)),
    )
    if not len(behind):
        return (verdict,)
    guilty = rows & np.isin(franchise, behind)
    named = ", ".join(map(str, behind[:5])) + (" …" if len(behind) > 5 else "")
    reason = f"{counted(len(behind), 'franchise')} had no service after {life.fault.id} although the others had recovered: {named}"
    if not len(alone):
        # Other programs disturbed every one of them. Without that, its customers might have been served.
        first = next(iter(evidence.doubts_within(since_ns, life.hurting_until_ns)), None)
        return (
            replace(
                verdict,
                status=Status.INCONCLUSIVE,
                reason=f"{reason}; but {first.cause if first else 'other programs disturbed their requests'}",
            ),
        )
    why = "a request that failed after the recovery"
    positions = first_and_worst(guilty, evidence.intended_ns, evidence.intended_ns, evidence.ids)
    shown = tuple(row(evidence.operations, position, why) for position in positions)
    return (replace(verdict, status=Status.FAIL, reason=reason, witnesses=shown),)
