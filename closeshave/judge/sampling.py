"""How sure a figure is: exact percentiles, confidence bounds, and how many more requests would settle a question.

All bounds are one-sided at the stated confidence: at 95 %, "the true value is at least low" is wrong in at most 5 samples of 100, and so is
"it is at most high". They rest on independent requests. Requests are correlated (a stall hits many at once), so near its bound an answer is
less sure than it says.

Sources: C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26
(1934); order statistics as limits of a quantile: H. A. David and H. N. Nagaraja, "Order Statistics", 3rd edition, section 7.1.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import stats  # type: ignore[import-untyped]  # scipy ships no types

from closeshave.judge.columns import Ints
from closeshave.judge.windows import NEVER_NS

LARGEST_SAMPLE = 10**9


def share_bounds(successes: int, n: int, confidence: float) -> tuple[float, float]:
    """Clopper-Pearson bounds of a share, each one-sided. Raises :class:`ValueError` for an empty sample."""
    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is no sample")
    miss = 1 - confidence
    low = 0.0 if successes == 0 else float(stats.beta.ppf(miss, successes, n - successes + 1))
    high = 1.0 if successes == n else float(stats.beta.ppf(1 - miss, successes + 1, n - successes))
    return low, high


def percentile_ns(values_ns: Ints, percentile: float) -> int:
    """The smallest value that at least this share of the sample does not exceed: nearest rank, so a value that was really seen.

    Raises :class:`ValueError` for an empty sample.
    """
    if len(values_ns) == 0:
        raise ValueError("no percentile of nothing")
    rank = rank_of(percentile, len(values_ns))
    return int(np.partition(values_ns, rank)[rank])


def rank_of(percentile: float, n: int) -> int:
    """Index of the nearest-rank percentile in a sorted sample of ``n``."""
    # Rounded first: 0.95 * 20 is 19 only in exact arithmetic, and its ceiling must not become 20.
    return min(n, max(1, math.ceil(round(percentile * n, 6)))) - 1


def percentile_bounds_ns(values_ns: Ints, percentile: float, confidence: float) -> tuple[int, int]:
    """Bounds of the true percentile, each one-sided, by order statistics: no assumption about the distribution's shape.

    Where the sample is too small for a bound, it is 0 or :data:`NEVER_NS`. Raises :class:`ValueError` for an empty sample.

    The number of values below the true percentile is binomial. So "the upper bound is within the objective" says the very same as "the
    Clopper-Pearson lower bound of the share within the objective reaches the percentile": ratios and percentiles are decided by one rule.
    """
    n = len(values_ns)
    if n == 0:
        raise ValueError("no percentile of nothing")
    # Ranks from 1: the smallest with P(Bin(n, q) < upper) >= confidence, and the largest with P(Bin(n, q) < lower) <= 1 - confidence.
    upper = int(stats.binom.ppf(confidence, n, percentile)) + 1
    lower = int(stats.binom.ppf(1 - confidence, n, percentile)) + 1
    if stats.binom.cdf(lower - 1, n, percentile) > 1 - confidence:
        lower -= 1
    wanted = sorted({rank for rank in (lower - 1, upper - 1) if 0 <= rank < n})
    ordered = np.partition(values_ns, wanted) if wanted else values_ns
    low = int(ordered[lower - 1]) if lower >= 1 else 0
    high = int(ordered[upper - 1]) if upper <= n else NEVER_NS
    return low, high


def requests_to_settle(failures: int, n: int, allowed: float, confidence: float) -> int | None:
    """How large a sample at the failure rate seen so far would tell whether the true rate is within ``allowed``; ``None`` beyond a billion.

    For no failure at all this is ln(1 - confidence) / ln(1 - allowed): 29,956 for 99.99 % at 95 %.
    """
    rate = failures / n if n else 0.0

    def settled(size: int) -> bool:
        expected = round(rate * size)
        low, high = share_bounds(size - expected, size, confidence)
        return low >= 1 - allowed or high < 1 - allowed

    high = max(n, 1)
    while not settled(high):
        high *= 2
        if high > LARGEST_SAMPLE:
            return None
    low = high // 2
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if settled(middle) else (middle, high)
    return high
