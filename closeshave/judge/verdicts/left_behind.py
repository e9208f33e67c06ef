"""Did single franchises stay without service? Canaries say when a scope has recovered; customers of a few franchises may still get no service.

A franchise was left behind when, from a hold after the scope had recovered up to the harness's healing, none of its requests was good, or none of
one kind was served: pages may still come from a cache while its customers can book nothing. There must be at least :data:`REQUESTS` such requests. Of
one kind, only first attempts without an answer or with a 5xx count, and they must span the hold time: three attempts of one customer within a moment are
one failure, and a booking that was lost within the RPO may be missing. On a correct platform that fails one request in a hundred, each of
the two happens to one franchise in a million.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from closeshave.judge.evidence.columns import Flags, ints
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.timeline import Life, operations_of
from closeshave.judge.evidence.witness import first_and_worst, operation_witness
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Exposure, Status, Verdict
from closeshave.judge.verdicts.exposure import enough
from closeshave.plurals import counted

REQUESTS = 3


def judge(analysis: Analysis, life: Life) -> tuple[Verdict, ...]:
    """The verdict ``left-behind/ID``; none if there was no recovery, or no customer's request after it. Without exposure it does not gate."""
    found = analysis.recoveries.get(life.fault.id)
    if found is None or found.blind or found.restored_ns is None or found.impact_ns is None:
        return ()
    evidence = analysis.evidence
    hold_ns = round(evidence.plan.canaries.hold * 1e9)
    since_ns = found.restored_ns + hold_ns
    rows = (
        evidence.customers
        & operations_of(evidence, life.fault)
        & (evidence.intended_ns >= since_ns)
        & (evidence.intended_ns < life.unaided_until_ns)
    )
    if not rows.any():
        return ()
    asked = np.flatnonzero(rows)
    franchise = ints(evidence.operations["franchise"].iloc[asked], -1)
    visits = np.unique(franchise, return_counts=True)[1]
    behind = _without_service(evidence, rows, ~evidence.good, hold_ns)
    # Other programs disturbed the other requests: without that, their customers might have been served. They fail nothing, and are not shown.
    alone = _without_service(evidence, rows, ~evidence.good & ~evidence.touched, hold_ns)
    franchises = alone or behind
    verdict = Verdict(
        id=f"left-behind/{life.fault.id}",
        claims=(),
        status=Status.PASS,
        measure="left_behind",
        scope=f"fault:{life.fault.id}",
        measured=float(len(franchises)),
        bound=0.0,
        unit="count",
        n=int(np.count_nonzero(rows)),
    )
    exposure = Exposure(int(np.count_nonzero(visits >= REQUESTS)), f"franchises with at least {REQUESTS} requests after the recovery")
    if not behind:
        return (replace(enough(verdict, exposure), gates=exposure.chances > 0),)
    named = ", ".join(map(str, franchises[:5])) + (" …" if len(franchises) > 5 else "")
    reason = f"{counted(len(franchises), 'franchise')} had no service after {life.fault.id} although the others had recovered: {named}"
    if not alone:
        first = next(iter(evidence.doubts_within(since_ns, life.unaided_until_ns)), None)
        doubt = first.cause if first else "other programs disturbed their requests"
        return (replace(enough(verdict, exposure), status=Status.INCONCLUSIVE, reason=f"{reason}; but {doubt}"),)
    guilty = np.zeros_like(rows)
    guilty[asked[np.isin(franchise, alone)]] = True
    guilty &= ~evidence.good & ~evidence.touched
    positions = first_and_worst(guilty, evidence.intended_ns, evidence.intended_ns, evidence.ids)
    shown = tuple(operation_witness(evidence.operations, position, "a request that failed after the recovery") for position in positions)
    return (replace(enough(verdict, exposure), status=Status.FAIL, reason=reason, witnesses=shown),)


def _without_service(evidence: Evidence, rows: Flags, bad: Flags, hold_ns: int) -> list[int]:
    """The franchises whose ``rows`` are all ``bad``, or whose first attempts of one kind all got no answer or a 5xx."""
    if not bad[rows].any():
        return []
    at = np.flatnonzero(rows)
    asked, status = evidence.operations.iloc[at], evidence.status[at]
    seen = pd.DataFrame(
        {
            "franchise": ints(asked["franchise"], -1),
            "kind": asked["kind"].to_numpy(),
            "at_ns": evidence.intended_ns[at],
            "first": ints(asked["attempt"], 1) == 1,
            "bad": bad[at],
            "unserved": bad[at] & ((status == 0) | (status >= 500)),
        }
    )
    whole = seen.groupby("franchise")["bad"].agg(["size", "all"])
    kinds = (
        seen[seen["first"]]
        .groupby(["franchise", "kind"], observed=True)
        .agg(size=("unserved", "size"), all=("unserved", "all"), first_ns=("at_ns", "min"), last_ns=("at_ns", "max"))
    )
    spanning = kinds["last_ns"] - kinds["first_ns"] >= hold_ns
    of_a_kind = kinds.index[(kinds["size"] >= REQUESTS) & kinds["all"] & spanning].get_level_values("franchise")
    return sorted({*whole.index[(whole["size"] >= REQUESTS) & whole["all"]].tolist(), *of_a_kind.tolist()})
