"""At which sizes a scaling is measured, in which order, at which rates, and what a level says of its size. Pure.

A level is an open load that is clearly too high, so what is answered is what the platform can do: its throughput at saturation. A level at which nearly
all was answered was too low, and is driven again at a higher rate; a level that the harness or the machine disturbed says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from closeshave.capacity.scalability import REPEATS_LEAST, SizeLevel

MULTIPLES = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""Sizes, in multiples of the smallest share of the processors."""
SATURATED = 0.9
"""A level is saturated if at most this share of what was offered was answered well."""
ABOVE = 1.6
"""A level offers so many times what the last levels say its size can do."""
RAISE = 2.0
"""And so many times more where that was not enough."""
TRIES = 5
"""Levels of one size and repeat, until it is given up."""


@dataclass(frozen=True, slots=True)
class ScalingStep:
    """One repeat of one size."""

    size: float
    repeat: int


@dataclass(frozen=True, slots=True)
class ScalingLevel:
    """A level that was driven."""

    step: ScalingStep
    offered_per_s: float
    """Requests that were due, per second."""
    goodput_per_s: float
    """Requests that were answered well, per second."""
    rate: float
    """Arrivals per second that were asked for."""
    disturbed: str = ""
    """Why it says nothing of the platform; empty for a valid one."""

    @property
    def saturated(self) -> bool:
        """Whether it says what its size can do."""
        return not self.disturbed and 0 < self.goodput_per_s <= SATURATED * self.offered_per_s


def steps(seed: int, repeats: int = REPEATS_LEAST, sizes: Sequence[float] = MULTIPLES) -> tuple[ScalingStep, ...]:
    """Every size in every repeat: each repeat is a block of all sizes in an order of its own, so that a drift of the machine is no effect of a size.

    The smallest size comes first of all: what it can do says at which rates the others are tried.
    """
    random = np.random.default_rng(seed)
    found = []
    for repeat in range(repeats):
        order = [float(each) for each in random.permutation(np.asarray(sizes, dtype=np.float64))]
        if repeat == 0:
            order.sort(key=lambda each: each != min(sizes))
        found += [ScalingStep(each, repeat) for each in order]
    return tuple(found)


def next_rate(step: ScalingStep, levels: Sequence[ScalingLevel], first: float) -> float | None:
    """The arrivals per second of the next level of this step; ``None`` where it is done, or given up.

    ``first`` is the rate of the very first level. What a size can do is guessed from the levels before: from its own, else from the nearest size, in
    proportion.
    """
    own = [level for level in levels if level.step == step]
    if any(level.saturated for level in own) or len(own) >= TRIES:
        return None
    if own and not own[-1].disturbed:
        return own[-1].rate * RAISE
    if own:
        return own[-1].rate
    known = [level for level in levels if level.saturated]
    if not known:
        return first
    near = min(known, key=lambda level: (abs(math.log(level.step.size / step.size)), -level.step.repeat))
    # Arrivals and requests are not the same: each level says how many requests its arrivals made.
    return near.rate * near.goodput_per_s / near.offered_per_s * step.size / near.step.size * ABOVE


def measured(levels: Sequence[ScalingLevel]) -> tuple[SizeLevel, ...]:
    """The throughputs at saturation, by size, ascending. A size without any is left out: whoever fits them says that they are too few."""
    sizes = sorted({level.step.size for level in levels if level.saturated})
    return tuple(
        SizeLevel(size, tuple(level.goodput_per_s for level in levels if level.step.size == size and level.saturated)) for size in sizes
    )
