"""What measured levels at several sizes say of the next sizes: the fitted law, its intervals, whether a straight line does as well, and how far to
believe it. Pure.

Intervals are percentiles of a bootstrap within the sizes: every repeat is drawn anew as its size's mean and a relative distance from a mean, drawn from
those of all sizes, because three repeats of one size do not show how far they spread. Distances are first widened by √(n / (n − 1)), and by what Student's
quantile is more than the normal one (the expanded percentile interval of Hesterberg, *What Teachers Should Know About the Bootstrap*, The American
Statistician 69(4), 2015, section 4).

The resamples are fitted without bounds, and the interval is cut off at them. A bootstrap of a bounded estimate is wrong where the truth is at its bound
(Andrews, *Inconsistency of the Bootstrap when a Parameter is on the Boundary of the Parameter Space*, Econometrica 68(2), 2000): with no coherency at all
it covered the truth in 80 of 100.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special  # type: ignore[import-untyped]  # scipy ships no types

from closeshave import quantiles
from closeshave.capacity import usl
from closeshave.capacity.interval import CONFIDENCE, Interval
from closeshave.capacity.support import FACTOR, Support
from closeshave.capacity.usl import Coefficients, Floats
from closeshave.plurals import counted

SIZES_LEAST, REPEATS_LEAST = 6, 3
RESAMPLES = 1000
QUOTED = 0.05
"""The share of resamples below the throughput that is quoted: a lower bound at 95 %."""
MISFIT = 0.01
"""The law does not describe levels that would miss it so far by chance in so few of all cases."""
AS_GOOD = 2.0
"""Two descriptions whose AICc differs by less are about as good (Burnham and Anderson, *Model Selection and Multimodel Inference*, 2002, section 2.6)."""
EXACT = 1e-9
"""Relative errors below this are rounding."""
LOOKED_AT = 400
"""Sizes at which the best one is looked for."""


@dataclass(frozen=True, slots=True)
class SizeLevel:
    """The throughputs at saturation of one size, per second: one of each repeat."""

    size: float
    """In multiples of the smallest one, which is 1."""
    throughputs_per_s: tuple[float, ...]

    def __post_init__(self) -> None:
        """Raises :class:`ValueError` for what is not finite, a size below 1, or a throughput that is not above 0."""
        if not (1 <= self.size < math.inf):
            raise ValueError(f"a size is finite and at least 1, in multiples of the smallest one, not {self.size}")
        if not all(0 < each < math.inf for each in self.throughputs_per_s):
            raise ValueError(f"throughputs are finite and above 0; size {self.size:g} has {self.throughputs_per_s}")


@dataclass(frozen=True, slots=True)
class UnknownScaling:
    """Nothing can be said of the scaling."""

    because: str


@dataclass(frozen=True, slots=True)
class Fitted:
    """One size: what was measured and what the law says."""

    size: float
    measured_per_s: float
    """The geometric mean of the repeats."""
    law: Interval
    """Throughput per second."""

    @property
    def residual(self) -> float:
        """By how much of the law's figure the measurement is off: 0.03 is 3 % more."""
        return self.measured_per_s / self.law.point - 1


@dataclass(frozen=True, slots=True)
class ScalingFit:
    """The law, fitted to levels; figures with intervals at 95 %."""

    coefficients: Coefficients
    per_one_per_s: Interval
    contention: Interval
    coherency: Interval
    sizes: tuple[Fitted, ...]
    measured_per_s: float
    """The largest mean throughput of a size."""
    aicc_law: float
    aicc_line: float
    """Of a straight line: smaller is better (Hurvich and Tsai, *Regression and Time Series Model Selection in Small Samples*, Biometrika 76(2), 1989)."""
    misfit_chance: float
    """How often chance alone would put the sizes' means so far off the law, by the spread of the repeats (test for lack of fit: Draper and Smith, *Applied
    Regression Analysis*, 3rd edition, section 2.1)."""
    draws: tuple[Coefficients, ...]
    """The coefficients of each resample, without their bounds."""

    @property
    def worse_than_line(self) -> bool:
        """Whether a straight line describes the levels better."""
        return self.aicc_line < self.aicc_law

    @property
    def misfit(self) -> bool:
        """Whether the law does not describe the levels."""
        return self.misfit_chance < MISFIT

    @property
    def size_max(self) -> float:
        """The largest size of which anything is claimed."""
        return FACTOR * self.sizes[-1].size

    def at(self, size: float) -> Interval:
        """The throughput per second at this size. Raises :class:`ValueError` for one below 1 or past :attr:`size_max`."""
        if not 1 <= size <= self.size_max:
            raise ValueError(f"sizes from 1 to {self.size_max:g} are supported, not {size:g}")
        return _throughput(self.coefficients, self.draws, self.per_one_per_s, size)

    def quoted_per_s(self, size: float) -> float:
        """The lower bound of the throughput per second at this size, at 95 %. Raises as :meth:`at`."""
        if not 1 <= size <= self.size_max:
            raise ValueError(f"sizes from 1 to {self.size_max:g} are supported, not {size:g}")
        return float(_quoted(self.coefficients, self.draws, np.array([size]))[0])

    def best(self) -> tuple[float, float]:
        """``(size, quoted throughput per second)`` where the quoted throughput is largest, among supported sizes."""
        sizes = np.linspace(1.0, self.size_max, LOOKED_AT)
        bounds = _quoted(self.coefficients, self.draws, sizes)
        place = int(bounds.argmax())
        return float(sizes[place]), float(bounds[place])

    def support(self, claimed_per_s: float) -> Support:
        """How far the levels carry towards a claim of this throughput: where the law does not describe them, no further than what was measured."""
        most = self.measured_per_s * (1.0 if self.misfit else FACTOR)
        return Support(claimed_per_s, self.measured_per_s, min(self.best()[1], most), "1/s")


def scaling(levels: Sequence[SizeLevel], seed: int, resamples: int = RESAMPLES) -> ScalingFit | UnknownScaling:
    """Fit the law to levels of different sizes. The same levels and seed give the same figures."""
    if because := _refusal(levels):
        return UnknownScaling(because)
    ordered = sorted(levels, key=lambda level: level.size)
    logs = [np.log(level.throughputs_per_s) for level in ordered]
    sizes = np.concatenate([np.full(len(each), level.size) for level, each in zip(ordered, logs, strict=True)])
    measured = np.exp(np.concatenate(logs))
    coefficients = usl.fit(sizes, measured)
    random = np.random.default_rng(seed)
    edge, degrees = (1 + CONFIDENCE) / 2, len(sizes) - len(logs)
    wider = quantiles.student(edge, degrees) / quantiles.normal(edge)
    means = np.concatenate([np.full(len(each), each.mean()) for each in logs])
    distances = np.concatenate([wider * math.sqrt(len(each) / (len(each) - 1)) * (each - each.mean()) for each in logs])
    draws = tuple(usl.fit_many(sizes, np.exp(means + random.choice(distances, (resamples, len(means))))))
    law = np.array([coefficients.throughput_per_s(size) for size in sizes])
    start, slope = usl.line(sizes, measured)
    one = _interval(coefficients.per_one_per_s, [each.per_one_per_s for each in draws])
    fitted = tuple(
        Fitted(level.size, math.exp(each.mean()), _throughput(coefficients, draws, one, level.size))
        for level, each in zip(ordered, logs, strict=True)
    )
    return ScalingFit(
        coefficients,
        one,
        _interval(coefficients.contention, [each.contention for each in draws]),
        _interval(coefficients.coherency, [each.coherency for each in draws]),
        fitted,
        max(each.measured_per_s for each in fitted),
        _aicc(np.log(measured / law), 3),
        _aicc(np.log(measured / (start + slope * sizes)), 2),
        _misfit_chance(logs, [math.log(each.law.point) for each in fitted]),
        draws,
    )


def _refusal(levels: Sequence[SizeLevel]) -> str:
    """Why nothing can be fitted; empty where it can."""
    sizes = {level.size for level in levels}
    if len(sizes) < len(levels):
        return "a size is given twice; give its repeats together"
    if len(sizes) < SIZES_LEAST:
        return f"{counted(len(sizes), 'size')} measured, and the law needs at least {SIZES_LEAST}"
    few = min(levels, key=lambda level: len(level.throughputs_per_s))
    if len(few.throughputs_per_s) < REPEATS_LEAST:
        return f"size {few.size:g} has {counted(len(few.throughputs_per_s), 'repeat')}, and each needs at least {REPEATS_LEAST}"
    if min(sizes) != 1:
        return f"the smallest size is {min(sizes):g}; sizes are multiples of the smallest one, which is 1"
    return ""


def _interval(point: float, drawn: Sequence[float]) -> Interval:
    """Cut off at the bounds of a coefficient; the point within them is always part of it."""
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(min(max(float(low), 0.0), point), point, max(float(high), point))


def _throughput(coefficients: Coefficients, draws: Sequence[Coefficients], one: Interval, size: float) -> Interval:
    """No size does more than as many ones: that is the bound of a throughput."""
    most = one.high * size
    return _interval(coefficients.throughput_per_s(size), [min(each.throughput_per_s(size), most) for each in draws])


def _quoted(coefficients: Coefficients, draws: Sequence[Coefficients], sizes: Floats) -> Floats:
    """The lower bounds of the throughputs at several sizes; never above what the law says."""
    one, wait, tell = np.array([(each.per_one_per_s, each.contention, each.coherency) for each in draws]).T[:, :, None]
    waits = 1 + wait * (sizes - 1) + tell * sizes * (sizes - 1)
    with np.errstate(divide="ignore"):
        drawn = np.where(waits > 0, one * sizes / np.maximum(waits, 0), np.inf)
    law = np.array([coefficients.throughput_per_s(size) for size in sizes])
    found: Floats = np.minimum(np.quantile(drawn, QUOTED, axis=0, method="lower"), law)
    return found


def _aicc(residuals: Floats, coefficients: int) -> float:
    """Akaike's criterion for small samples; the spread of the residuals is one more coefficient."""
    n, k = len(residuals), coefficients + 1
    mean = max(float(residuals @ residuals) / n, EXACT**2)
    return n * math.log(mean) + 2 * k + 2 * k * (k + 1) / (n - k - 1)


def _misfit_chance(logs: Sequence[Floats], law: Sequence[float]) -> float:
    """The chance of so bad a fit by the F test for lack of fit. Repeats that are equal have no spread to compare with: 1 where the law meets them too."""
    pure = sum(float(((each - each.mean()) ** 2).sum()) for each in logs)
    lack = sum(len(each) * (float(each.mean()) - at) ** 2 for each, at in zip(logs, law, strict=True))
    n, sizes = sum(map(len, logs)), len(logs)
    floor = n * EXACT**2
    if lack <= floor:
        return 1.0
    ratio = (lack / (sizes - 3)) / (max(pure, floor) / (n - sizes))
    return float(special.fdtrc(sizes - 3, n - sizes, ratio))
