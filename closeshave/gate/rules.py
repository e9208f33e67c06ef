"""What a gate decides by. Fixed before its first leg and written into its directory, so that no figure can change it. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from closeshave.plan import GATE_SHARES, Gate

FALSE_ALARM = 0.01
"""The largest probability that a gate says *worse* of any metric although the releases do not differ."""
BETTER_ALONE = 0.001
"""The same for *better* where only one stage was run: nobody is asked to confirm an improvement, so it must be plain."""
SUSPICION = 0.05
"""In each stage alone, the largest probability of such an effect by chance: with less evidence than this the second stage is not run."""
CONFIDENCE = 0.95
"""Of each bound of an interval."""
POWER = 0.8
"""With this probability the smallest noticeable effect is noticed."""
BLOCKS_MIN = 5
"""With fewer blocks neither an exact test nor a spread says enough."""


@dataclass(frozen=True, slots=True)
class MetricRule:
    """A metric, and which change of it counts. Of every metric, more is worse."""

    metric: str
    """As the plan calls it."""
    tolerated: float
    """A mean change up to this never counts as worse: a logarithm of a ratio, or a difference of shares."""
    noticed: float
    """Only if a change of this size would have been noticed, *same* is said; in the same unit."""

    @property
    def ratio(self) -> bool:
        """Whether changes are logarithms of ratios; otherwise they are differences of shares."""
        return self.metric not in GATE_SHARES


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one gate."""

    metrics: tuple[MetricRule, ...]
    blocks: int
    """Of each stage."""
    repeats: int
    """How many blocks of a stage may be thrown away and repeated."""
    false_alarm: float = FALSE_ALARM
    suspicion: float = SUSPICION
    power: float = POWER

    @property
    def strictest(self) -> float:
        """The probability by chance that each stage must not exceed, where one metric alone is worse: the first step of Holm.

        The larger of two independent probabilities is at most x with probability x², so the combined one is the square.
        """
        return min(self.suspicion, math.sqrt(self.false_alarm / len(self.metrics)))


def rules(gate: Gate) -> Rules:
    """The rules that a plan states."""
    return Rules(tuple(_rule(metric, gate) for metric in gate.metrics), gate.blocks, gate.repeats)


def _rule(metric: str, gate: Gate) -> MetricRule:
    if metric not in GATE_SHARES:
        return MetricRule(metric, math.log1p(gate.tolerate), math.log1p(gate.notice))
    return MetricRule(metric, gate.tolerate_share, gate.notice_share)
