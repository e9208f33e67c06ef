"""The Universal Scalability Law, and its fit to measured throughputs by non-linear least squares. Pure.

``X(N) = λN / (1 + σ(N − 1) + κN(N − 1))``: Gunther, *Guerrilla Capacity Planning* (Springer, 2007), chapter 6, doi:10.1007/978-3-540-31010-5. N is a
size (how many processes), X the throughput per second, λ the throughput of one, σ what they wait for each other (contention), κ what they must tell each
other (coherency). With κ above 0 there is a size past which more of them do less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls  # type: ignore[import-untyped]  # scipy ships no types

Floats = npt.NDArray[np.float64]

ROUNDS = 50
"""The most steps of a fit; it takes four to eight."""
STEADY = 1e-10
"""A fit has ended when no relative error changes by more than this."""
HALVINGS = 30
"""Of a step that is uphill, until it is not made."""


@dataclass(frozen=True, slots=True)
class Coefficients:
    """λ > 0; σ and κ are not negative where they were fitted within their bounds."""

    per_one_per_s: float
    """Lambda: the throughput of one, per second."""
    contention: float
    """Sigma, without a unit."""
    coherency: float
    """Kappa, without a unit."""

    def throughput_per_s(self, size: float) -> float:
        """X(N), per second; ``size`` is at least 1. Infinite where coefficients out of bounds leave nothing to wait for."""
        waits = 1 + self.contention * (size - 1) + self.coherency * size * (size - 1)
        return self.per_one_per_s * size / waits if waits > 0 else math.inf

    @property
    def best_size(self) -> float:
        """The size of the largest throughput, at least 1; infinite without coherency: √((1 − σ) / κ)."""
        if self.contention >= 1:
            return 1.0
        return max(1.0, math.sqrt((1 - self.contention) / self.coherency)) if self.coherency > 0 else math.inf


def fit(sizes: Floats, throughputs_per_s: Floats) -> Coefficients:
    """The coefficients with the least sum of squared ``ln X − ln X(N)``, within their bounds.

    The logarithm, because the error of a throughput grows with it: each counts by its relative error. ``sizes`` are at least 1, and one of them is 1: only
    then is λ above 0 for certain. ``throughputs_per_s`` has the same shape and is above 0.

    ``N / X`` is linear in 1/λ, σ/λ and κ/λ, none of which is negative. So each Gauss-Newton step is a linear least-squares problem with non-negative
    unknowns, for which scipy has Lawson and Hanson's method; a step is halved until it is not uphill. Raises :class:`ValueError` for other input.
    """
    rows, heights = _rows(sizes, throughputs_per_s)
    scale = _middle(throughputs_per_s)
    return _coefficients(_steps(rows, sizes * scale / throughputs_per_s) / heights, scale)


def fit_many(sizes: Floats, throughputs_per_s: Floats) -> list[Coefficients]:
    """The same for many measurements at once, a row each, without the bounds of σ and κ: they may be negative.

    All rows take their Gauss-Newton steps together, by their normal equations. Raises :class:`ValueError` as :func:`fit`.
    """
    rows, heights = _rows(sizes, throughputs_per_s)
    scale = _middle(throughputs_per_s)
    return [_coefficients(each, scale) for each in _steps_of_many(rows, sizes * scale / throughputs_per_s) / heights]


def line(sizes: Floats, throughputs_per_s: Floats) -> tuple[float, float]:
    """``(start, slope)`` of the straight line with the least sum of squared ``ln X − ln (start + slope N)``, both per second and not negative.

    The same errors as in :func:`fit`, so that the two can be compared. Raises :class:`ValueError` for throughputs that are not above 0.
    """
    if throughputs_per_s.min(initial=math.inf) <= 0:
        raise ValueError("throughputs are above 0")
    scale = _middle(throughputs_per_s)
    columns = np.stack([np.ones_like(sizes), sizes], axis=1)
    heights = columns.max(axis=0)
    start, slope = _steps(columns / heights, throughputs_per_s / scale) / heights * scale
    return float(start), float(slope)


def _rows(sizes: Floats, throughputs_per_s: Floats) -> tuple[Floats, Floats]:
    """What the weights of ``N / X`` are multiplied with, a row for each measurement, and the height that each column is divided by."""
    if sizes.min(initial=math.inf) != 1 or throughputs_per_s.min(initial=math.inf) <= 0:
        raise ValueError("sizes begin at 1, and throughputs are above 0")
    columns = np.stack([np.ones_like(sizes), sizes - 1, sizes * (sizes - 1)], axis=1)
    heights = np.maximum(columns.max(axis=0), 1.0)
    return columns / heights, heights


def _middle(throughputs_per_s: Floats) -> float:
    return float(np.exp(np.log(throughputs_per_s).mean()))


def _coefficients(weights: Floats, scale: float) -> Coefficients:
    return Coefficients(scale / float(weights[0]), float(weights[1] / weights[0]), float(weights[2] / weights[0]))


def _steps(rows: Floats, values: Floats) -> Floats:
    """Weights w ≥ 0 with the least sum of squared ``ln values − ln (rows @ w)``."""
    weights: Floats = nnls(rows / values[:, None], np.ones_like(values))[0]
    fitted = rows @ weights
    if fitted.min() <= 0:
        weights = np.full(rows.shape[1], float(values.mean()))
        fitted = rows @ weights
    for _ in range(ROUNDS):
        errors = np.log(values / fitted)
        aim: Floats = nnls(rows / fitted[:, None], 1 + errors)[0]
        step, before = 1.0, float(errors @ errors)
        while step > STEADY:
            tried = weights + step * (aim - weights)
            got = rows @ tried
            if got.min() > 0 and float((after := np.log(values / got)) @ after) <= before:
                break
            step /= 2
        else:
            return weights
        moved = float(np.abs(np.log(got / fitted)).max())
        weights, fitted = tried, got
        if moved < STEADY:
            break
    return weights


def _steps_of_many(rows: Floats, values: Floats) -> Floats:
    """The same for many rows of values, and without the bound. Returns a row of weights for each."""
    weights = _least(rows / values[..., None], np.ones_like(values))
    bad = (weights @ rows.T).min(axis=1) <= 0
    weights[bad] = values[bad].mean(axis=1, keepdims=True)
    for _ in range(ROUNDS):
        fitted = weights @ rows.T
        errors = np.log(values / fitted)
        aim = _least(rows / fitted[..., None], 1 + errors)
        step, before = np.ones((len(values), 1)), (errors**2).sum(axis=1)
        for _ in range(HALVINGS):
            tried = weights + step * (aim - weights)
            got = tried @ rows.T
            after = (np.log(values / np.where(got > 0, got, np.nan)) ** 2).sum(axis=1)
            uphill = ~(after <= before)
            if not uphill.any():
                break
            step[uphill] /= 2
        moves = np.where(uphill[:, None], 0.0, step) * (aim - weights)
        weights += moves
        if float(np.abs(moves).max()) < STEADY * float(np.abs(weights).max()):
            break
    return weights


def _least(rows: Floats, values: Floats) -> Floats:
    """Least squares by the normal equations, for each of many."""
    across = rows.swapaxes(-1, -2)
    return np.asarray(np.linalg.solve(across @ rows, across @ values[..., None])[..., 0], dtype=np.float64)
