"""Verdicts on shares of requests: availability, error rate and the cache's hit ratio."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.witness import first_and_worst, row
from closeshave.judge.measures import sampling
from closeshave.judge.measures.counting import WORDS, counted
from closeshave.judge.measures.parts import Part
from closeshave.judge.verdict import Status, Verdict
from closeshave.target import Measure, Objective


def decide(case: Evidence, objective: Objective, part: Part, blank: Verdict) -> Verdict:
    """Pass when the lower confidence bound keeps the promise, fail when the upper one breaks it."""
    asked = counted(case, objective, part.rows)
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
        said, promise = f"{n - kept:,} of {n:,} requests {did_not} ({1 - kept / n:.4%})", f"at most {objective.at_most:.4%}"
    else:
        said, promise = f"{kept:,} of {n:,} requests {did} ({kept / n:.4%})", f"at least {asked.required:.4%}"
    if high < asked.required:
        witnesses = first_and_worst(asked.rows & ~asked.kept, case.intended_ns, case.response_ns, case.ids)
        why = f"one of the {n - kept:,} that {did_not}"
        shown = tuple(row(case.operations, position, why) for position in witnesses)
        return replace(found, status=Status.FAIL, reason=f"{said}, promised are {promise}", witnesses=shown)
    needed = needed_text(n - kept, n, 1 - asked.required, objective.confidence)
    return replace(found, reason=f"{said}: too few to tell whether {promise} is kept{needed}")


def _figures(objective: Objective, verdict: Verdict, kept: float, low: float, high: float) -> Verdict:
    """As the objective's measure counts: a rate of errors is what is missing to the whole."""
    if objective.measure is Measure.ERROR_RATE:
        return replace(verdict, measured=1 - kept, confidence=(1 - high, 1 - low))
    return replace(verdict, measured=kept, confidence=(low, high))


def needed_text(failures: int, n: int, allowed: float, confidence: float) -> str:
    """How many requests like these would settle the question, to follow the reason why these do not."""
    needed = sampling.requests_to_settle(failures, n, allowed, confidence)
    if needed is None or needed <= n:
        return "; it lies too close to the bound for any affordable number of requests"
    return f"; about {needed:,} like these would settle it"
