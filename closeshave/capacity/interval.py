"""A figure that is not negative, with the interval that it was measured to lie in; and the arithmetic of such figures. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from closeshave import quantiles
from closeshave.files.yamlfile import STRICT

CONFIDENCE = 0.95
"""Of both sides together."""


@dataclass(frozen=True, slots=True)
class Interval:
    """0 ≤ ``low`` ≤ ``point`` ≤ ``high``, all finite, in whatever unit the name of its field says.

    Sums, products and quotients of intervals are those of interval arithmetic: the result contains every value that the figures allow together. That is
    wider than a confidence interval of independent figures would be, and never narrower.
    """

    __pydantic_config__ = STRICT

    low: float
    point: float
    high: float

    def __post_init__(self) -> None:
        """Raises :class:`ValueError` for any other order, and for what is not finite."""
        if not (0 <= self.low <= self.point <= self.high and math.isfinite(self.high)):
            raise ValueError(f"an interval is 0 ≤ low ≤ point ≤ high, all finite, not {self.low}, {self.point}, {self.high}")

    @classmethod
    def exact(cls, value: float) -> Interval:
        """A figure that is known, such as a setting."""
        return cls(value, value, value)

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.point + other.point, self.high + other.high)

    def __mul__(self, factor: float) -> Interval:
        return Interval(self.low * factor, self.point * factor, self.high * factor)

    def times(self, other: Interval) -> Interval:
        """The product of two figures."""
        return Interval(self.low * other.low, self.point * other.point, self.high * other.high)

    def goes_into(self, demand: float) -> Interval:
        """How many of these make up ``demand``: the most where each is smallest. Raises :class:`ZeroDivisionError` unless ``low`` is above 0."""
        return Interval(demand / self.high, demand / self.point, demand / self.low)


def of_mean(values: Sequence[float]) -> Interval:
    """The mean of independent measurements, with Student's interval at :data:`CONFIDENCE`, cut off at 0.

    Raises :class:`ValueError` for fewer than two: one measurement has no interval.
    """
    if len(values) < 2:
        raise ValueError("one measurement has no interval")
    measured = np.asarray(values, dtype=np.float64)
    mean = float(measured.mean())
    half = quantiles.student((1 + CONFIDENCE) / 2, len(values) - 1) * float(measured.std(ddof=1)) / math.sqrt(len(values))
    return Interval(max(0.0, mean - half), mean, mean + half)


def of_slope(sizes: Sequence[float], values: Sequence[float]) -> tuple[Interval, Interval]:
    """What one more of ``sizes`` adds to ``values``, and what is there without any: a straight line by least squares, with Student's intervals, cut off
    at 0.

    Raises :class:`ValueError` for fewer than three values, or where all sizes are equal. Formulas: Draper and Smith, *Applied Regression Analysis*, 3rd
    edition, section 1.4.
    """
    x, y = np.asarray(sizes, dtype=np.float64), np.asarray(values, dtype=np.float64)
    spread = float(((x - x.mean()) ** 2).sum())
    if len(x) < 3 or spread <= 0:
        raise ValueError("a line with an interval needs three values, at two sizes at least")
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / spread)
    start = float(y.mean() - slope * x.mean())
    variance = float(((y - start - slope * x) ** 2).sum()) / (len(x) - 2)
    t = quantiles.student((1 + CONFIDENCE) / 2, len(x) - 2)
    return (
        _cut(slope, t * math.sqrt(variance / spread)),
        _cut(start, t * math.sqrt(variance * (1 / len(x) + float(x.mean()) ** 2 / spread))),
    )


def _cut(point: float, half: float) -> Interval:
    """A quantity of things cannot be negative."""
    return Interval(max(0.0, point - half), max(0.0, point), max(0.0, point + half))
