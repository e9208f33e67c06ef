"""How certain a figure is: exact percentiles, confidence bounds, and how many requests would be enough to decide.

All bounds are one-sided at the stated confidence: at 95 %, "the true value is at least low" is wrong in at most 5 samples of 100, and so is "it is at
most high". They assume independent requests; if failures come in clusters, ``clusters`` says how many requests have the weight of one independent
request (:func:`clustering`).

Sources: C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26
(1934), with an effective sample size: E. L. Korn and B. I. Graubard, "Confidence intervals for proportions with small expected number of positive
counts", Survey Methodology 24 (1998); order statistics as limits of a quantile: H. A. David and H. N. Nagaraja, "Order Statistics", 3rd
edition, section 7.1; from shares to quantiles: R. S. Woodruff, "Confidence intervals for medians and other position measures", JASA 47 (1952).
"""

from __future__ import annotations

import math

import numpy as np

from closeshave import quantiles
from closeshave.judge.evidence.columns import Flags, Ints
from closeshave.judge.evidence.windows import NEVER_NS

LARGEST_SAMPLE = 10**9


def share_bounds(successes: int, n: int, confidence: float, clusters: float = 1.0) -> tuple[float, float]:
    """Clopper-Pearson bounds of a share, each one-sided. Raises :class:`ValueError` for an empty sample."""
    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is not a sample")
    miss, kept, broken = 1 - confidence, successes / clusters, (n - successes) / clusters
    low = 0.0 if successes == 0 else float(quantiles.beta(miss, kept, broken + 1))
    high = 1.0 if successes == n else float(quantiles.beta(1 - miss, kept + 1, broken))
    return low, high


def clustering(broken: Flags, block: Ints, allowed: float) -> float:
    """The design effect of clusters: how many requests have the weight of one independent request; at least 1.

    ``broken`` marks the requests that broke the promise (a share of ``allowed`` may break it), ``block`` is the number of the time interval of each.
    If requests were independent and the promise was just kept, the squared excess of a block over the allowed number would be half its binomial
    variance on average (half of the blocks have no excess). More than that is clustering.

    As in a score test, it is measured against the allowed share and not against the observed one, so that it can only grow with every further
    failure. Measured against the observed share, it would shrink when failures spread into quiet blocks, and a platform could pass because it fails
    more often.
    """
    if not len(broken) or not 0 < allowed < 1:
        return 1.0
    index = block - block.min()
    return clustered(np.bincount(index), np.bincount(index[broken], minlength=int(index.max()) + 1), allowed)


def clustered(sizes: Ints, failures: Ints, allowed: float) -> float:
    """As :func:`clustering`, from how many requests each time interval has, and how many of them broke the promise."""
    sizes, failures = sizes[sizes > 0], failures[sizes > 0]
    if not len(sizes) or not 0 < allowed < 1:
        return 1.0
    excess = np.maximum(0.0, failures - sizes * allowed)
    return max(1.0, 2 * float(np.mean(excess**2 / (sizes * allowed * (1 - allowed)))))


def percentile_ns(values_ns: Ints, percentile: float) -> int:
    """The smallest value that at least this share of the sample does not exceed (nearest rank), so it is one of the measured values.

    Raises :class:`ValueError` for an empty sample.
    """
    if len(values_ns) == 0:
        raise ValueError("an empty sample has no percentile")
    rank = rank_of(percentile, len(values_ns))
    return int(np.partition(values_ns, rank)[rank])


def rank_of(percentile: float, n: int) -> int:
    """Index of the nearest-rank percentile in a sorted sample of ``n``."""
    # Rounded first: 0.95 * 20 is 19 only in exact arithmetic, and its ceiling must not become 20.
    return min(n, max(1, math.ceil(round(percentile * n, 6)))) - 1


def percentile_bounds_ns(values_ns: Ints, percentile: float, confidence: float, clusters: float = 1.0) -> tuple[int, int]:
    """Bounds of the true percentile, each one-sided, by order statistics: no assumption about the distribution's shape.

    If the sample is too small for a bound, it is 0 or :data:`NEVER_NS`. ``clusters`` widens the upper bound, which decides about a pass. Raises
    :class:`ValueError` for an empty sample.

    The number of values below the true percentile is binomial. So "the upper bound is within the objective" means the same as "the Clopper-Pearson
    lower bound of the share within the objective reaches the percentile": ratios and percentiles are decided by one rule.
    """
    if len(values_ns) == 0:
        raise ValueError("an empty sample has no percentile")
    lower, upper = bound_ranks(len(values_ns), percentile, confidence, clusters)
    wanted = sorted({rank for rank in (lower - 1, upper - 1) if 0 <= rank < len(values_ns)})
    return at_ranks(np.partition(values_ns, wanted) if wanted else values_ns, lower, upper)


def bound_ranks(n: int, percentile: float, confidence: float, clusters: float) -> tuple[int, int]:
    """The ranks, from 1, of the two bounds of :func:`percentile_bounds_ns` in a sample of ``n``: below 1 and above ``n`` where there is no bound."""
    # Ranks from 1: the smallest with P(Bin(n, q) < upper) >= confidence, and the largest with P(Bin(n, q) < lower) <= 1 - confidence.
    effective = max(1, int(n / clusters))
    rank = quantiles.binomial(confidence, effective, percentile) + 1
    upper = n + 1 if rank > effective else math.ceil(rank * n / effective)
    lower = quantiles.binomial(1 - confidence, n, percentile) + 1
    if quantiles.at_most(lower - 1, n, percentile) > 1 - confidence:
        lower -= 1
    return lower, upper


def at_ranks(ordered: Ints, lower: int, upper: int) -> tuple[int, int]:
    """The values at two ranks, from 1, of a sample that is in order there; 0 and :data:`NEVER_NS` where the sample does not have the rank."""
    return int(ordered[lower - 1]) if lower >= 1 else 0, int(ordered[upper - 1]) if upper <= len(ordered) else NEVER_NS


def requests_to_settle(failures: int, n: int, allowed: float, confidence: float) -> int | None:
    """How large a sample at the observed failure rate would be enough to decide whether the true rate is within ``allowed``; ``None`` above a billion.

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
