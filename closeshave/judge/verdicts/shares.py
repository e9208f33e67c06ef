"""Verdicts on shares of requests: availability, error rate and the cache's hit ratio."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from closeshave import plurals
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.witness import first_and_worst, operation_witness
from closeshave.judge.measures import sampling
from closeshave.judge.measures.counting import WORDS, counted
from closeshave.judge.measures.parts import Part
from closeshave.judge.verdict import Status, Verdict
from closeshave.target import Measure, Objective


def decide(evidence: Evidence, objective: Objective, part: Part, blank: Verdict) -> Verdict:
    """Pass when the lower confidence bound keeps the promise, fail when the upper one breaks it."""
    asked = counted(evidence, objective, part.rows)
    n = int(np.count_nonzero(asked.rows))
    if not n:
        return blank
    kept = int(np.count_nonzero(asked.rows & asked.kept))
    low, high = sampling.share_bounds(kept, n, objective.confidence)
    found = _figures(objective, replace(blank, n=n, reason=""), kept / n, low, high)
    if low >= asked.required:
        return replace(found, status=Status.PASS)
    did, did_not = WORDS[objective.measure]
    if objective.measure is Measure.ERROR_RATE:
        said, promise = (
            f"{n - kept:,} of {plurals.counted(n, 'request')} {did_not} ({1 - kept / n:.4%})",
            f"at most {objective.at_most:.4%}",
        )
    else:
        said, promise = f"{kept:,} of {plurals.counted(n, 'request')} {did} ({kept / n:.4%})", f"at least {asked.required:.4%}"
    if high < asked.required:
        witnesses = first_and_worst(asked.rows & ~asked.kept, evidence.intended_ns, evidence.response_ns, evidence.ids)
        why = f"a request {did_not}"
        shown = tuple(operation_witness(evidence.operations, position, why) for position in witnesses)
        return replace(found, status=Status.FAIL, reason=f"{said}; the promise is {promise}", witnesses=shown)
    needed = needed_text(n - kept, n, 1 - asked.required, objective.confidence)
    return replace(found, reason=f"{said}: too few requests to decide whether the promise of {promise} is kept{needed}")


def _figures(objective: Objective, verdict: Verdict, kept: float, low: float, high: float) -> Verdict:
    """The verdict in terms of the objective's measure: an error rate is 1 minus the share that was answered well."""
    if objective.measure is Measure.ERROR_RATE:
        return replace(verdict, measured=1 - kept, confidence=(1 - high, 1 - low))
    return replace(verdict, measured=kept, confidence=(low, high))


def needed_text(failures: int, n: int, allowed: float, confidence: float) -> str:
    """How many such requests would be enough to decide, as text that follows the reason."""
    needed = sampling.requests_to_settle(failures, n, allowed, confidence)
    if needed is None or needed <= n:
        return "; the result is too close to the bound for any affordable number of requests to decide"
    return f"; about {needed:,} such requests would be enough"
