"""Response times by class, so that a day of them takes no more room than a minute. Pure.

A class is 4 % wide: a percentile is told as the middle of its class, so it is wrong by at most 2 %. The figures of the last seconds, which have no
such error, come from :mod:`closeshave.trial.figures`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

LEAST_US, MOST_US, STEP = 200.0, 120e6, 1.04
"""Shorter and longer times count in the first and in the last class."""
CLASSES = math.ceil(math.log(MOST_US / LEAST_US, STEP)) + 2

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_MIDDLES_MS: Floats = np.exp(np.log(LEAST_US / 1000) + np.log(STEP) * (np.arange(CLASSES, dtype=np.float64) - 0.5))


def of(taken_ns: Integers) -> Integers:
    """The class of each duration, given in nanoseconds."""
    steps = np.log(np.maximum(taken_ns, 1) / (LEAST_US * 1000)) * (1 / math.log(STEP))
    found: Integers = np.clip(np.floor(steps) + 1, 0, CLASSES - 1).astype(np.int64)
    return found


def percentiles_ms(counts: npt.NDArray[np.uint32], shares: tuple[float, ...]) -> Floats:
    """Percentiles in milliseconds: the last axis of ``counts`` are the classes; the result has ``shares`` (0 to 1) in its place. NaN where nothing is."""
    below = counts.cumsum(axis=-1, dtype=np.int64)
    total = below[..., -1]
    found = np.full((*total.shape, len(shares)), np.nan)
    for at, share in enumerate(shares):
        # Nearest rank: the first class with which at least this share is reached.
        rank = np.maximum(np.ceil(share * total), 1)
        found[..., at] = np.where(total > 0, _MIDDLES_MS[(below < rank[..., None]).sum(axis=-1).clip(max=CLASSES - 1)], np.nan)
    return found
