"""Whether a level was steady: Little's law, and the trend of the requests in flight. Pure.

At a steady level the mean number in flight L is the rate of arrivals λ times the mean response time W (J. D. C. Little, "A proof for the queuing formula
L = λW", Operations Research 9, 1961). Over a finite time both sides differ by what was in flight at its begin and at its end: while a backlog grows,
those who arrived in this time wait beyond it, and L < λW; while it drains, L > λW.

The trend is a straight line through the means of ten equal parts of the level (least squares, Student's t on its slope). Parts of a nearly saturated
queue are not independent, so a trend is seen there more often than the test's 1 % says: such a level is driven longer, which costs time and no truth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from closeshave import quantiles
from closeshave.capacity.sample import LevelSample
from closeshave.judge.evidence.columns import Floats
from closeshave.judge.evidence.windows import NEVER_NS

PARTS = 10
SURE = 0.99
"""Confidence of the trend, one-sided."""
GROWTH = 0.5
"""A trend counts if it changes the number in flight by this share of its mean over the level."""
LEAST = 2.0
"""And by at least so many requests."""
LITTLE = 0.25
"""Tolerated difference between L and λW, as a share of the larger one; with less than :data:`LEAST` requests of difference it says nothing."""


class BacklogTrend(StrEnum):
    """Where the backlog of a level goes."""

    STEADY = "steady"
    GROWING = "growing"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class FlightFigures:
    """Requests in flight during a level."""

    parts: tuple[float, ...]
    """Their mean number in each of ten equal parts."""
    mean: float
    """L."""
    little: float
    """λW; requests without an answer count up to the end of the level."""

    @property
    def trend(self) -> BacklogTrend:
        """By the slope of the parts and by Little's law: either is enough."""
        change, t = _slope(self.parts)
        limit = max(LEAST, GROWTH * self.mean)
        sure = quantiles.student(SURE, len(self.parts) - 2)
        if abs(change) >= limit and abs(t) >= sure:
            return BacklogTrend.GROWING if change > 0 else BacklogTrend.DRAINING
        apart = self.little - self.mean
        if abs(apart) >= max(LEAST, LITTLE * max(self.little, self.mean)):
            return BacklogTrend.GROWING if apart > 0 else BacklogTrend.DRAINING
        return BacklogTrend.STEADY

    @property
    def throughout(self) -> bool:
        """Whether the backlog grew from the first third over the second to the last: a level that is too high, and not one stall near its end."""
        first, second, third = (float(np.mean(part)) for part in np.array_split(np.array(self.parts), 3))
        return second - first >= LEAST / 2 and third - second >= LEAST / 2


def in_flight(sample: LevelSample) -> FlightFigures:
    """The number in flight over time. Raises :class:`ValueError` for a level without time."""
    if sample.end_ns <= sample.begin_ns:
        raise ValueError("a level without time has no requests in flight")
    edges = np.linspace(sample.begin_ns, sample.end_ns, PARTS + 1)
    spent: Floats = np.zeros(PARTS)
    due, ended = sample.due_ns.astype(np.float64), np.minimum(sample.ended_ns, NEVER_NS // 2).astype(np.float64)
    for part in range(PARTS):
        spent[part] = np.clip(np.minimum(ended, edges[part + 1]) - np.maximum(due, edges[part]), 0, None).sum()
    parts = spent / np.diff(edges)
    judged = sample.judged
    whole_s = sample.seconds
    # Who never got an answer waited at least until the end: the least that is known of W.
    waited = np.where(sample.ended_ns == NEVER_NS, sample.end_ns, sample.ended_ns)[judged] - sample.due_ns[judged]
    return FlightFigures(tuple(map(float, parts)), float(parts.mean()), float(waited.sum() / 1e9 / whole_s))


def _slope(parts: tuple[float, ...]) -> tuple[float, float]:
    """The change over the whole level by a straight line, and Student's t of its slope."""
    n = len(parts)
    at = np.arange(n) - (n - 1) / 2
    values = np.array(parts)
    slope = float((at * values).sum() / (at**2).sum())
    left = values - values.mean() - slope * at
    error = math.sqrt(float((left**2).sum()) / (n - 2) / float((at**2).sum()))
    change = slope * n
    if error == 0:
        return change, math.inf if slope > 0 else -math.inf if slope < 0 else 0.0
    return change, slope / error
