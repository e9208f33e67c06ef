"""What a platform promises, and the objectives that put it to the test: YAML files to frozen values. No effects beyond reading the files."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from closeshave.plan import Fault
from closeshave.yamlfile import STRICT, InvalidFile, Problem, Quantity, Seconds, document, line_of, read


class Measure(StrEnum):
    """What an objective bounds."""

    AVAILABILITY = "availability"
    ERROR_RATE = "error_rate"
    BURN_RATE = "burn_rate"
    LATENCY = "latency"
    DATABASE_TIME = "database_time"
    CACHE_TIME = "cache_time"
    CACHE_HIT_RATIO = "cache_hit_ratio"
    THROUGHPUT = "throughput"
    RECOVERY = "recovery"
    LOSS = "loss"
    LEAKAGE = "leakage"
    INTEGRITY = "integrity"
    RESILIENCE = "resilience"


TIMES = frozenset({Measure.LATENCY, Measure.DATABASE_TIME, Measure.CACHE_TIME})
"""Measures that are percentiles of a time."""
SHARES = frozenset({Measure.AVAILABILITY, Measure.ERROR_RATE, Measure.CACHE_HIT_RATIO})
"""Measures that are shares of requests."""
STEADY = TIMES | SHARES | {Measure.THROUGHPUT, Measure.BURN_RATE}
"""Measures of customers' requests in a window of time."""
PER_FAULT = frozenset({Measure.RECOVERY, Measure.LOSS, Measure.LEAKAGE})
"""Measures of what one fault did."""
FROM_BELOW = frozenset({Measure.AVAILABILITY, Measure.CACHE_HIT_RATIO, Measure.THROUGHPUT, Measure.RESILIENCE})
"""Measures of which more is better: bounded by ``at_least``, all others by ``at_most``."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A bound on one measure, in one scope and window: what a verdict answers."""

    __pydantic_config__ = STRICT

    id: str
    claims: tuple[str, ...]
    measure: Measure
    at_most: Quantity | None = None
    at_least: Quantity | None = None
    """One of the two, except for ``integrity``, whose bound is zero breaches."""
    percentile: Quantity | None = None
    """For latency and times: ``95%``."""
    per: Literal["all", "region", "shard", "operation", "franchise_decile"] = "all"
    """One verdict over everything, or one for each part. Deciles are of traffic: the first holds the hottest franchises."""
    operations: tuple[str, ...] = ()
    """Kinds of operations that count; all when empty."""
    window: Literal["calm", "run", "fault", "degraded"] = "calm"
    """The phases that count; ``degraded`` is the weaker promise for as long as a fault of ``faults`` that the plan lets degrade is in effect."""
    sliding: Seconds | None = None
    """The objective holds in every stretch of this length, not only over the whole window. For shares, times and the burn rate."""
    faults: tuple[str, ...] = ()
    """For recovery, loss, leakage and ``degraded`` windows: patterns of fault kinds, like ``shard.*``."""
    invariants: tuple[str, ...] = ()
    """For integrity: the breaches that count, like ``residency_breaches``; all when empty."""
    warm: bool = False
    """For the cache's hit ratio: only lookups of franchises that were looked up before in this run. A first lookup tells how long the run was for so
    many franchises, and not how good the cache is; at a rate that a small machine cannot offer there would be next to none."""
    confidence: float = 0.95
    at_least_chances: int | None = None
    """How often what the objective forbids must have been possible in the run for it to pass; at least once, if not said."""

    def __post_init__(self) -> None:
        bounds = [bound for bound in (self.at_most, self.at_least) if bound is not None]
        integrity, burns = self.measure is Measure.INTEGRITY, self.measure is Measure.BURN_RATE
        slides = self.measure in TIMES | SHARES or burns
        troubles = (
            (integrity and bounds, "integrity has no bound to set: every breach is one too many"),
            (not integrity and len(bounds) != 1, "give exactly one of at_most and at_least"),
            (
                (self.measure in TIMES) != (self.percentile is not None),
                "latency, database_time and cache_time need a percentile, other measures have none",
            ),
            (
                self.measure in PER_FAULT and self.at_most is None and len(bounds) == 1,
                "recovery, loss and leakage are bounded from above: at_most",
            ),
            (self.invariants and not integrity, "invariants are for integrity"),
            (self.warm and self.measure is not Measure.CACHE_HIT_RATIO, "warm is for the cache's hit ratio"),
            (
                self.window == "degraded" and (self.measure not in STEADY or not self.faults),
                "a degraded window is for measures of requests, and faults names the kinds of faults that open it",
            ),
            (
                self.sliding is not None and not (slides and self.sliding > 0),
                "sliding is a length of time, for shares, times and the burn rate",
            ),
            (burns and self.sliding is None, "a burn rate needs the length of its long window: sliding"),
        )
        if trouble := next((message for wrong, message in troubles if wrong), ""):
            raise ValueError(trouble)

    @property
    def bound(self) -> float | None:
        """Whichever of the two is set."""
        return self.at_most if self.at_most is not None else self.at_least

    def covers(self, fault: Fault) -> bool:
        """Whether this objective judges ``fault``, or the time in which it was in effect."""
        return any(fnmatch.fnmatch(fault.kind, pattern) for pattern in self.faults)


@dataclass(frozen=True, slots=True)
class Claim:
    """A promise of a target system, by the ID that the ledger of claims lists it under."""

    __pydantic_config__ = STRICT

    id: str
    text: str
    how: tuple[Literal["load", "fault", "drill", "probe", "capacity", "attest"], ...]
    owner: str = ""
    """Who attests to it, where a harness cannot measure it."""


@dataclass(frozen=True, slots=True)
class Target:
    """One system's promises and the objectives that put them to the test."""

    __pydantic_config__ = STRICT

    name: str
    title: str
    claims: tuple[Claim, ...]
    objectives: tuple[Objective, ...]

    @property
    def error_budget(self) -> float | None:
        """The share of requests that may be not good, by the availability objective over everything; ``None`` without one."""
        whole = (each for each in self.objectives if each.measure is Measure.AVAILABILITY and each.per == "all")
        allowed = next((each.at_least for each in whole if each.window != "degraded" and not each.operations), None)
        return None if allowed is None or allowed >= 1 else 1 - allowed


def read_target(path: Path) -> Target:
    """Read and check a target. Raises :class:`InvalidFile`: also for an objective whose claim does not exist."""
    target = read(path, Target)
    raw = document(path)
    known = {claim.id for claim in target.claims}
    problems = [
        Problem(
            str(path), line_of(raw, ("objectives", index)), f"objectives.{index}.claims", f"{claim} is not among the claims of this file"
        )
        for index, objective in enumerate(target.objectives)
        for claim in objective.claims
        if claim not in known
    ]
    problems += [
        Problem(
            str(path),
            line_of(raw, ("objectives", index)),
            f"objectives.{index}.id",
            f"{objective.id} already gives such verdicts; two objectives may share an ID only for different parts or faults",
        )
        for index, objective in enumerate(target.objectives)
        if any(_collide(objective, other) for other in target.objectives[:index])
    ]
    if problems:
        raise InvalidFile(*problems)
    return target


def _collide(one: Objective, other: Objective) -> bool:
    """Whether both could give a verdict of the same ID. Verdicts on faults carry the fault's name, others the part's."""
    if one.id != other.id:
        return False
    if not (one.faults and other.faults):
        return not one.faults and not other.faults and one.per == other.per
    # Kinds are not known here: two patterns meet where one matches the other as if that were a name.
    return any(fnmatch.fnmatch(mine, theirs) or fnmatch.fnmatch(theirs, mine) for mine in one.faults for theirs in other.faults)
