"""Levels of a known law, with noise."""

from collections.abc import Sequence

import numpy as np

from closeshave.capacity.scalability import SizeLevel
from closeshave.capacity.usl import Coefficients

SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


def levels(truth: Coefficients, noise: float = 0.0, seed: int = 0, sizes: Sequence[float] = SIZES, repeats: int = 3) -> list[SizeLevel]:
    """``noise`` is the relative standard deviation of a throughput."""
    random = np.random.default_rng(seed)
    return [
        SizeLevel(size, tuple(truth.throughput_per_s(size) * float(np.exp(noise * random.standard_normal())) for _ in range(repeats)))
        for size in sizes
    ]
