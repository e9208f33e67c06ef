"""Which verdicts a reader must see first. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from closeshave.judge.verdict import Status, Verdict
from closeshave.report.words import AT_LEAST

MOST_ROWS = 10
"""What fits the first screen and the patience of its reader."""


def used(verdict: Verdict) -> float | None:
    """How much of what the bound allows was used: 1 is exactly at the bound, above 1 is past it; ``None`` where that has no meaning.

    A ratio that must be high is measured by its shortfall: 99.95 % of 99.9 % used half of the allowed failures.
    """
    measured, bound = verdict.measured, verdict.bound
    if measured is None or bound is None or not math.isfinite(measured):
        return None
    if verdict.measure not in AT_LEAST:
        return measured / bound if bound > 0 else None
    if verdict.unit == "ratio":
        return (1 - measured) / (1 - bound) if bound < 1 else None
    return bound / measured if measured > 0 else None


def worst_first(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Failures, then the inconclusive, then passes; what gates before what is only shown; the narrowest first within each."""
    return sorted(verdicts, key=lambda one: (-one.status.severity, not one.gates, -_narrowness(one)))


def rows(verdicts: Iterable[Verdict], most: int = MOST_ROWS) -> list[Verdict]:
    """The verdicts of the first screen: every one that is not a pass, then the narrowest pass of each objective.

    A promise with many scopes (each region, each shard) must not push the other promises out, so it is shown by its worst scope.
    """
    ranked = worst_first(one for one in verdicts if one.gates)
    chosen: list[Verdict] = []
    spoken_for: set[str] = set()
    for verdict in ranked:
        objective = _objective(verdict)
        if verdict.status is not Status.PASS or objective not in spoken_for:
            chosen.append(verdict)
        spoken_for.add(objective)
    return chosen[:most]


def _objective(verdict: Verdict) -> str:
    # Every invariant of integrity is a promise of its own kind of damage, but a clean sheet needs one line, not nine.
    return verdict.id.partition("/")[0]


def _narrowness(verdict: Verdict) -> float:
    share = used(verdict)
    return share if share is not None else -1.0
