"""Quantiles of the distributions for verdicts and limits, exactly equal to those of ``scipy.stats``.

They call the functions below it, because importing ``scipy.stats`` takes a second of processor time in every process that judges, validates or starts
a trial.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special  # type: ignore[import-untyped]  # scipy ships no types


def beta(share: float, a: Any, b: Any) -> Any:
    """The quantile of a beta distribution with these parameters (positive numbers, or arrays of them) for this probability."""
    return special.betaincinv(a, b, share)


def normal(share: float) -> float:
    """The quantile of the standard normal distribution for this probability."""
    return float(special.ndtri(share))


def binomial(share: float, n: int, chance: float) -> int:
    """The quantile of a binomial distribution: the least number of successes that ``n`` trials do not exceed with at least this probability."""
    most = max(0, int(np.ceil(special.bdtrik(share, n, chance))))
    # The inverse is continuous, and may miss the whole number by one.
    while most > 0 and at_most(most - 1, n, chance) >= share:
        most -= 1
    while at_most(most, n, chance) < share:
        most += 1
    return most


def at_most(successes: int, n: int, chance: float) -> float:
    """The probability that ``n`` trials have at most so many successes."""
    return float(special.bdtr(successes, n, chance))


def poisson_exceeded(share: float, mean: float) -> float:
    """The least number of events that is exceeded with at most this probability, for this mean."""
    kept = 1.0 - share
    most = np.ceil(special.pdtrik(kept, mean))
    before = np.maximum(most - 1, 0)
    return float(before if special.pdtr(before, mean) >= kept else most)


def student(share: float, degrees: float) -> float:
    """The quantile of Student's t distribution with these degrees of freedom for this probability."""
    return float(special.stdtrit(degrees, share))


def student_at_most(value: float, degrees: float) -> float:
    """The probability that Student's t with these degrees of freedom is at most this value."""
    return float(special.stdtr(degrees, value))


def chi_square(share: Any, degrees: float) -> Any:
    """The quantile of a chi-square distribution for this probability, or for each of an array of them."""
    return special.chdtri(degrees, 1.0 - np.asarray(share))


def normal_at_most(value: Any) -> Any:
    """The probability that a standard normal variable is at most this value, or each of an array of them."""
    return special.ndtr(value)
