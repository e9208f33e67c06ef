"""What the blocks of a gate say of one metric: its mean change with an interval, and how likely such a change is by chance. Pure.

Of a change above zero the candidate is worse. Ratios are judged by Student's t over the logarithms. Shares (not good, cache misses) are judged
exactly: they are mostly zero, and their failures come in bursts, so no distribution fits them. The releases are assigned to the legs of a block at
random, so without a difference each block's change might as well have the other sign: the probability is the share of all assignments of signs with at
least this sum.

Sources: R. A. Fisher, "The Design of Experiments" (1935), section 21, for the test; J. A. Hartigan, "Using subsample values as typical values", JASA 64
(1969), for its interval: the centre of a symmetric distribution is equally likely to lie between any two neighbours among the means of all subsets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from closeshave import quantiles
from closeshave.gate.rules import CONFIDENCE

EXACT_MOST = 20
"""Blocks; all assignments of their signs are a million."""
ROUNDING = 1e-12
"""Relative. Sums that are equal but for rounding count as equal, which makes a probability larger and never smaller."""


@dataclass(frozen=True, slots=True)
class MeanChange:
    """The change of a metric over some blocks."""

    blocks: int
    """How many there were."""
    mean: float | None
    """``None`` without a block."""
    spread: float | None
    """The standard deviation of a block's change; ``None`` for fewer than two."""
    low: float | None
    """The lower bound of the mean at 95 %; ``None`` where there are too few blocks for one."""
    high: float | None
    """The upper one."""
    by_chance_worse: float
    """The probability of at least such a change for the worse if there is none."""
    by_chance_better: float
    """The same for the better."""


NOTHING = MeanChange(0, None, None, None, None, 1.0, 1.0)


def of_ratios(changes: Sequence[float], confidence: float = CONFIDENCE) -> MeanChange:
    """Of logarithms of ratios, one for each block."""
    n = len(changes)
    if n < 2:
        return MeanChange(n, changes[0], None, None, None, 1.0, 1.0) if n else NOTHING
    mean, spread = float(np.mean(changes)), float(np.std(changes, ddof=1))
    error = spread / math.sqrt(n)
    if spread <= ROUNDING * float(np.max(np.abs(changes))):
        # Blocks that agree to the last bit: nothing is known of their spread, so nothing is claimed.
        return MeanChange(n, mean, spread, None, None, 1.0, 1.0)
    reach = quantiles.student(confidence, n - 1) * error
    return MeanChange(
        blocks=n,
        mean=mean,
        spread=spread,
        low=mean - reach,
        high=mean + reach,
        by_chance_worse=quantiles.student_at_most(-mean / error, n - 1),
        by_chance_better=quantiles.student_at_most(mean / error, n - 1),
    )


def of_shares(changes: Sequence[float], confidence: float = CONFIDENCE) -> MeanChange:
    """Of differences of shares, one for each block, at most :data:`EXACT_MOST`. Raises :class:`ValueError` for more."""
    n = len(changes)
    if n > EXACT_MOST:
        raise ValueError(f"{n} blocks are too many for an exact test; at most {EXACT_MOST}")
    if n < 2:
        return MeanChange(n, changes[0], None, None, None, 1.0, 1.0) if n else NOTHING
    values = np.asarray(changes, dtype=np.float64)
    low, high = _bounds(values, confidence)
    return MeanChange(
        blocks=n,
        mean=float(values.mean()),
        spread=float(values.std(ddof=1)),
        low=low,
        high=high,
        by_chance_worse=at_least(values),
        by_chance_better=at_least(-values),
    )


def at_least(values: npt.NDArray[np.float64]) -> float:
    """The share of all assignments of signs to these values whose sum is at least that of the values."""
    sums = np.zeros(1)
    for size in np.abs(values):
        sums = np.concatenate([sums + size, sums - size])
    return float(np.mean(sums >= values.sum() - ROUNDING * np.abs(values).sum()))


def _bounds(values: npt.NDArray[np.float64], confidence: float) -> tuple[float | None, float | None]:
    n = len(values)
    beyond = math.floor((1 - confidence) * 2**n + 1e-9)
    if beyond < 1:
        return None, None
    sums, sizes = np.zeros(1), np.zeros(1)
    for value in values:
        sums, sizes = np.concatenate([sums, sums + value]), np.concatenate([sizes, sizes + 1])
    means = np.sort(sums[1:] / sizes[1:])
    return float(means[beyond - 1]), float(means[-beyond])
