"""Verdicts on throughput: good answers per second. No confidence: it is a count of what was done, not an estimate of what could be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.windows import Span
from closeshave.judge.evidence.witness import first_and_worst, row
from closeshave.judge.measures.parts import Part
from closeshave.judge.verdict import Status, Verdict
from closeshave.target import Objective


def decide(case: Evidence, objective: Objective, part: Part, blank: Verdict, covered: Sequence[Span]) -> Verdict:
    """Pass when enough was answered well, fail when enough was asked for and not answered."""
    duration_s = sum(span.seconds for span in covered)
    offered = int(np.count_nonzero(part.rows))
    if not offered or not duration_s:
        return blank
    if objective.at_least is None:
        return replace(blank, n=offered, reason="throughput is bounded from below: the objective needs at_least")
    done = int(np.count_nonzero(part.rows & case.good))
    bound = objective.at_least
    found = replace(blank, measured=done / duration_s, n=offered, reason="")
    if done / duration_s >= bound:
        return replace(found, status=Status.PASS)
    if offered / duration_s < bound:
        # The platform was never asked for what it promised; its answer says nothing.
        return replace(found, reason=f"only {offered / duration_s:,.1f} requests/s were offered, too few to test {bound:g} requests/s")
    why = "one of the requests that were offered and not answered well"
    guilty = first_and_worst(part.rows & ~case.good, case.intended_ns, case.response_ns, case.ids)
    reason = f"{done / duration_s:,.1f} requests/s were answered well, promised are {bound:g} requests/s"
    return replace(found, status=Status.FAIL, reason=reason, witnesses=tuple(row(case.operations, position, why) for position in guilty))
