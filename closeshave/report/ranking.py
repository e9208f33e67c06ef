"""Which verdicts a reader must see first. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from closeshave.judge.verdict import Status, Verdict
from closeshave.judge.verdictkinds import VerdictKind, cause_rank, kind_of
from closeshave.report import words
from closeshave.target import FROM_BELOW, Measure

MOST_ROWS = 10
"""What fits on the first screen."""


def used(verdict: Verdict) -> float | None:
    """How much of what the bound allows was used: 1 is exactly at the bound, above 1 is past it; ``None`` where that has no meaning.

    A ratio that must be high is measured by its shortfall: 99.95 % of 99.9 % used half of the allowed failures. A recovery that came only after the
    harness had healed the fault has no such share: the bound is for a recovery by itself, and the figure is another thing.
    """
    measured, bound = verdict.measured, verdict.bound
    if verdict.measure == Measure.RECOVERY and verdict.status is not Status.PASS and measured is not None and bound and measured <= bound:
        return None
    if measured is None or bound is None or not math.isfinite(measured) or words.measured(verdict) == words.UNKNOWN:
        return None
    if kind_of(verdict) is not VerdictKind.OBJECTIVE:
        return None
    if verdict.measure not in FROM_BELOW:
        return measured / bound if bound > 0 else None
    if verdict.unit == "ratio":
        return (1 - measured) / (1 - bound) if bound < 1 else None
    return bound / measured if measured > 0 else None


def worst_first(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Failures, then the inconclusive, then passes; what gates before what is only shown.

    Within the inconclusive a cause comes before the figures that it explains: an early end, a machine that was too small, a load generator that was
    late. Within each, the narrowest first.
    """
    return sorted(verdicts, key=lambda one: (-one.status.severity, not one.gates, _cause(one), -_narrowness(one)))


@dataclass(frozen=True, slots=True)
class RankedVerdict:
    """A verdict and how many of its objective share its status, itself included: it is the worst of them."""

    verdict: Verdict
    alike: int
    unknown: tuple[str, ...] = ()
    """Places of those among them without a figure, where others have one: they may be worse."""


def rows(verdicts: Iterable[Verdict], most: int = MOST_ROWS) -> list[RankedVerdict]:
    """The first screen: for each objective and status the worst verdict, failures first.

    A promise with many scopes (each region, each shard) must not push the other promises out, so it is shown by its worst scope. Breaches of
    integrity stand alone, because each is another kind of damage; a clean sheet needs one line, and so do preconditions that are all met.
    """
    groups: dict[tuple[str, Status], list[Verdict]] = {}
    for verdict in worst_first(one for one in verdicts if one.gates):
        groups.setdefault((_group(verdict), verdict.status), []).append(verdict)
    return [_row(group) for group in groups.values()][:most]


def _row(group: Sequence[Verdict]) -> RankedVerdict:
    """The first of the group, or where nothing bounds it, that with the largest figure (the smallest, where more is better)."""
    told = [one for one in group if one.measured is not None]
    if kind_of(group[0]) is not VerdictKind.OBJECTIVE or not told:
        return RankedVerdict(group[0], len(group))
    worst = told[0] if used(told[0]) is not None else max(told, key=_size)
    return RankedVerdict(worst, len(group), tuple(words.place(one) for one in group if one.measured is None))


def _size(verdict: Verdict) -> float:
    measured = verdict.measured or 0.0
    return -measured if verdict.measure in FROM_BELOW else measured


def _cause(verdict: Verdict) -> int:
    return cause_rank(verdict) if verdict.status is Status.INCONCLUSIVE else 0


def _group(verdict: Verdict) -> str:
    sort = kind_of(verdict)
    if verdict.status is Status.PASS and sort is not VerdictKind.OBJECTIVE:
        return str(sort.value)
    return verdict.id if sort is VerdictKind.INTEGRITY else verdict.id.partition("/")[0]


def _narrowness(verdict: Verdict) -> float:
    if verdict.status is not Status.PASS and kind_of(verdict) is not VerdictKind.OBJECTIVE:
        # A slot booked twice matters more than a late answer.
        return math.inf
    share = used(verdict)
    return share if share is not None else -1.0
