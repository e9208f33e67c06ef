"""Arrivals: rates over time, and instants computed from them before the first request is sent. Pure numpy; randomness is an argument.

The rate is integrated over a fine grid, and instants are found by inverting the integral (time rescaling: Cinlar, *Introduction to Stochastic
Processes*, 1975, section 4.7). So the same code computes evenly spaced and Poisson arrivals of any shape, exactly for a rate that is constant within
a cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from closeshave.files.yamlfile import LONGEST_S

Times = npt.NDArray[np.float64]
"""Seconds after the start, or rates at these instants."""
Instants = npt.NDArray[np.int64]
"""Nanoseconds after the start, ascending."""

CELL_S = 0.01
_HOUR_S = 3600.0
_DAY_H = 24


class ArrivalRate(Protocol):
    """Arrivals per second as a function of time."""

    def per_s(self, at_s: Times) -> Times:
        """The rate at each of ``at_s`` seconds after the start."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant rate."""

    rate_per_s: float

    def per_s(self, at_s: Times) -> Times:
        """The rate at each of ``at_s`` seconds after the start."""
        return np.full(at_s.shape, self.rate_per_s)


@dataclass(frozen=True, slots=True)
class Ramp:
    """A linear change from one rate to another over ``over_s`` seconds, then constant."""

    from_per_s: float
    to_per_s: float
    over_s: float

    def per_s(self, at_s: Times) -> Times:
        """The rate at each of ``at_s`` seconds after the start."""
        return self.from_per_s + (self.to_per_s - self.from_per_s) * np.clip(at_s / self.over_s, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Steps:
    """Rates one after the other, each for ``each_s`` seconds; the last one continues."""

    rates_per_s: tuple[float, ...]
    each_s: float

    def per_s(self, at_s: Times) -> Times:
        """The rate at each of ``at_s`` seconds after the start."""
        index = np.clip((at_s / self.each_s).astype(np.int64), 0, len(self.rates_per_s) - 1)
        return np.asarray(self.rates_per_s, dtype=np.float64)[index]


@dataclass(frozen=True, slots=True)
class Spike:
    """A flash crowd in addition to a base rate: it begins at once and halves every ``half_life_s`` seconds, as after a campaign's message."""

    base_per_s: float
    peak_per_s: float
    at_s: float
    half_life_s: float

    def per_s(self, at_s: Times) -> Times:
        """The rate at each of ``at_s`` seconds after the start."""
        since_s = at_s - self.at_s
        crowd = (self.peak_per_s - self.base_per_s) * np.exp2(-np.maximum(since_s, 0.0) / self.half_life_s)
        return self.base_per_s + np.where(since_s >= 0, crowd, 0.0)


@dataclass(frozen=True, slots=True)
class Diurnal:
    """A day's profile: ``peak_per_s`` times one of 24 hourly factors, with linear changes between the middles of the hours."""

    peak_per_s: float
    hours: tuple[float, ...]
    starts_at_h: float = 0.0
    """Nominal hour of the day at the start."""
    speed: float = 1.0
    """Nominal seconds that pass in one second."""

    def __post_init__(self) -> None:
        if len(self.hours) != _DAY_H:
            raise ValueError(f"a day has 24 hours, not {len(self.hours)}")

    def per_s(self, at_s: Times) -> Times:
        """The rate at each of ``at_s`` seconds after the start."""
        hour = (self.starts_at_h + at_s * self.speed / _HOUR_S) % _DAY_H
        factor: Times = np.interp(hour, np.arange(_DAY_H) + 0.5, np.asarray(self.hours), period=_DAY_H)
        return self.peak_per_s * factor


# Half of all booking happens outside opening hours; Friday's afternoon runs into its evening.
EVENING_HOURS = (
    0.10, 0.06, 0.04, 0.03, 0.03, 0.05, 0.10, 0.20, 0.32, 0.42, 0.48, 0.52, 0.55, 0.50, 0.48, 0.50, 0.58, 0.70, 0.85, 0.97, 1.00, 0.88, 0.55, 0.25,
)  # fmt: skip
FRIDAY_HOURS = (
    0.12, 0.07, 0.04, 0.03, 0.03, 0.06, 0.14, 0.30, 0.50, 0.66, 0.74, 0.80, 0.86, 0.84, 0.86, 0.92, 1.00, 0.98, 0.90, 0.80, 0.70, 0.60, 0.45, 0.28,
)  # fmt: skip


def evening(peak_per_s: float) -> Diurnal:
    """A weekday's evening, from 18:00 on."""
    return Diurnal(peak_per_s, EVENING_HOURS, starts_at_h=18.0)


def friday(peak_per_s: float) -> Diurnal:
    """A Friday from 14:00 on, the busiest time of the week."""
    return Diurnal(peak_per_s, FRIDAY_HOURS, starts_at_h=14.0)


def campaign(base_per_s: float) -> Spike:
    """A campaign's message is sent a minute after the start: ten times the traffic, halving every two minutes."""
    return Spike(base_per_s, base_per_s * 10, at_s=60.0, half_life_s=120.0)


# -- instants --------------------------------------------------------------------------------------------------------------------------------


def evenly(rate: ArrivalRate, duration_s: float) -> Instants:
    """One arrival whenever the integral of the rate passes a half-integer: equal gaps for a constant rate."""
    edges, total = _integral(rate, duration_s)
    return _invert(np.arange(0.5, total[-1]), edges, total, duration_s)


def poisson(rate: ArrivalRate, duration_s: float, rng: np.random.Generator) -> Instants:
    """A Poisson process: a Poisson count, and given the count, uniform instants on the integral. The same state of ``rng`` gives the same arrivals."""
    edges, total = _integral(rate, duration_s)
    count = rng.poisson(total[-1])
    return _invert(np.sort(rng.random(count)) * total[-1], edges, total, duration_s)


def replay(path: Path) -> Instants:
    """Instants from a file: seconds after the start, one per line, ascending. Raises :class:`OSError`, or :class:`ValueError` for anything else."""
    at_s = np.loadtxt(path, dtype=np.float64, ndmin=1)
    if at_s.ndim > 1:
        raise ValueError(f"{path}: one instant per line is needed")
    # Written so that NaN is refused too.
    if at_s.size and not (at_s[0] >= 0 and at_s[-1] <= LONGEST_S and np.all(np.diff(at_s) >= 0)):
        raise ValueError(f"{path}: instants must ascend from 0")
    return np.rint(at_s * 1e9).astype(np.int64)


def share(instants: Instants, worker: int, workers: int) -> Instants:
    """The share of one of several workers: every ``workers``-th arrival, so that each arrival belongs to exactly one worker."""
    return instants[worker::workers]


def _integral(rate: ArrivalRate, duration_s: float) -> tuple[Times, Times]:
    cells = max(1, int(np.ceil(duration_s / CELL_S)))
    edges = np.linspace(0.0, duration_s, cells + 1)
    rates = rate.per_s((edges[:-1] + edges[1:]) / 2)
    if np.any(rates < 0):
        raise ValueError("a negative rate")
    return edges, np.concatenate(([0.0], np.cumsum(rates * np.diff(edges))))


def _invert(targets: Times, edges: Times, total: Times, duration_s: float) -> Instants:
    at_ns = (np.interp(targets, total, edges) * 1e9).astype(np.int64)
    return at_ns[at_ns < round(duration_s * 1e9)]
