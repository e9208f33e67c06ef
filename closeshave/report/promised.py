"""Objectives as people read them before anything is measured. Pure."""

from __future__ import annotations

from closeshave.report.words import quantity, seconds
from closeshave.target import MEASURES, STEADY, Measure, Objective

WINDOWS = {"calm": "in calm", "run": "over the whole run", "fault": "while faults are in effect", "degraded": "while it is degraded"}


def bound(objective: Objective) -> str:
    """What it bounds, and by how much."""
    if objective.measure is Measure.INTEGRITY:
        return f"no breach of {', '.join(objective.invariants) or 'any invariant'}"
    side = "at least" if objective.at_least is not None else "at most"
    percentile = f"p{100 * objective.percentile:g} of " if objective.percentile is not None else ""
    return f"{percentile}{objective.measure.replace('_', ' ')} {side} {quantity(objective.bound, MEASURES[objective.measure].unit)}"


def where(objective: Objective) -> str:
    """Which operations count, and when; empty for measures of faults and of the whole run."""
    if objective.measure not in STEADY:
        return ""
    operations = ", ".join(objective.operations) or "every operation"
    if objective.except_operations:
        operations = f"every operation but {', '.join(objective.except_operations)}"
    every = f", in every {seconds(objective.sliding)}" if objective.sliding is not None else ""
    return f"{operations} · {WINDOWS[objective.window]}{every}"
