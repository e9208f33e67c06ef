"""Verdicts on throughput: good answers per second. Without confidence bounds: it is a count, not an estimate of capacity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.windows import Span
from closeshave.judge.evidence.witness import first_and_worst, operation_witness
from closeshave.judge.measures.parts import Part
from closeshave.judge.verdict import Status, Verdict
from closeshave.target import Objective


def decide(evidence: Evidence, objective: Objective, part: Part, blank: Verdict, covered: Sequence[Span]) -> Verdict:
    """Pass when enough requests were answered well, fail when enough were offered and not answered."""
    duration_s = sum(span.seconds for span in covered)
    offered = int(np.count_nonzero(part.rows))
    if not offered or not duration_s:
        return blank
    if objective.at_least is None:
        return replace(blank, n=offered, reason="the objective needs at_least, because more throughput is better")
    done = int(np.count_nonzero(part.rows & evidence.good))
    bound = objective.at_least
    found = replace(blank, measured=done / duration_s, n=offered, reason="")
    if done / duration_s >= bound:
        return replace(found, status=Status.PASS)
    if offered / duration_s < bound:
        # The load was below the promised rate, so it says nothing about the promise.
        return replace(
            found, reason=f"only {offered / duration_s:,.1f} requests/s were offered, too few to test a promise of {bound:g} requests/s"
        )
    why = "a request that was offered and not answered well"
    guilty = first_and_worst(part.rows & ~evidence.good, evidence.intended_ns, evidence.response_ns, evidence.ids)
    reason = f"{done / duration_s:,.1f} requests/s were answered well; the promise is at least {bound:g} requests/s"
    return replace(
        found,
        status=Status.FAIL,
        reason=reason,
        witnesses=tuple(operation_witness(evidence.operations, position, why) for position in guilty),
    )
