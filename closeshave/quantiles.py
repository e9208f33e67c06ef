"""Quantiles of the distributions that verdicts and limits rest on, to the last digit those of ``scipy.stats``.

They call the functions below it: to import ``scipy.stats`` takes a second of processor time, which every process that judges, validates or starts a
trial would spend.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special  # type: ignore[import-untyped]  # scipy ships no types


def beta(share: float, a: Any, b: Any) -> Any:
    """The value that a beta distribution with these parameters (positive numbers, or arrays of them) stays below with this probability."""
    return special.betaincinv(a, b, share)


def normal(share: float) -> float:
    """The value that the standard normal distribution stays below with this probability."""
    return float(special.ndtri(share))


def binomial(share: float, n: int, chance: float) -> int:
    """The fewest successes such that ``n`` trials have at most so many with this probability."""
    most = max(0, int(np.ceil(special.bdtrik(share, n, chance))))
    # The inverse is continuous, and may miss the whole number by one.
    while most > 0 and at_most(most - 1, n, chance) >= share:
        most -= 1
    while at_most(most, n, chance) < share:
        most += 1
    return most


def at_most(successes: int, n: int, chance: float) -> float:
    """How likely ``n`` trials have so many successes at the most."""
    return float(special.bdtr(successes, n, chance))


def poisson_exceeded(share: float, mean: float) -> float:
    """The least number of events that is exceeded with at most this probability, where so many are expected."""
    kept = 1.0 - share
    most = np.ceil(special.pdtrik(kept, mean))
    before = np.maximum(most - 1, 0)
    return float(before if special.pdtr(before, mean) >= kept else most)
