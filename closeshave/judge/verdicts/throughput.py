"""Verdicts on throughput: good answers per second. Without confidence bounds: it is a count, not an estimate of capacity.

An answer counts for a pass if it came while the phase lasted, or at most a hundredth of its length later: a platform that answers everything, and half of
it after the load has ended, did not keep up with the rate. What was in flight at the end of a steady phase is less than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from closeshave.judge.evidence.columns import Flags
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.windows import Span, within
from closeshave.judge.evidence.witness import first_and_worst, operation_witness
from closeshave.judge.measures.parts import Part
from closeshave.judge.verdict import Status, Verdict
from closeshave.plurals import counted
from closeshave.target import Objective

HARDLY = 0.01
"""Of the length of a phase: an answer that came so soon after it counts."""


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
    in_time = int(np.count_nonzero(part.rows & evidence.good & _in_time(evidence, covered)))
    if in_time / duration_s >= bound:
        return replace(found, status=Status.PASS)
    if done / duration_s >= bound:
        late = counted(done - in_time, "request was", "requests were")
        said = f"{late} answered well only after the load had ended: the platform may not have kept up with it"
        return replace(found, measured=in_time / duration_s, reason=f"{said} ({in_time / duration_s:,.1f} requests/s while it lasted)")
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


def _in_time(evidence: Evidence, covered: Sequence[Span]) -> Flags:
    """The requests that were answered by the end of their span, or hardly later."""
    found = np.zeros(len(evidence.intended_ns), dtype=np.bool_)
    for span in covered:
        until_ns = span.ended_ns + round(span.seconds * 1e9 * HARDLY)
        found |= within(evidence.intended_ns, [span]) & (evidence.response_ns <= until_ns - evidence.intended_ns)
    return found
