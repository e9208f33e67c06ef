"""How much more often requests went wrong than before, with confidence: a difference of two shares, and a difference of two such differences.

Source: R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven methods", Statistics in
Medicine 17 (1998), method 10: Wilson's score limits of each share, combined by squares and recovery of variance. It is sound for shares of zero
and for small samples, where a normal interval is not. Arrays throughout, because a run has thousands of franchises.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closeshave import quantiles
from closeshave.judge.evidence.columns import Floats


@dataclass(frozen=True, slots=True)
class Change:
    """By how much shares rose, each with one-sided bounds at the stated confidence; all arrays of one length."""

    estimate: Floats
    low: Floats
    high: Floats

    def minus(self, other: Change) -> Change:
        """These rises minus ``other`` (a single one): the difference in differences."""
        estimate = self.estimate - other.estimate
        return Change(
            estimate,
            estimate - np.hypot(self.estimate - self.low, other.high - other.estimate),
            estimate + np.hypot(self.high - self.estimate, other.estimate - other.low),
        )


def rise(bad_before: Floats, before: Floats, bad_after: Floats, after: Floats, confidence: float) -> Change:
    """How much the share of bad requests rose. Without a request before or after, the bounds are -1 and 1."""
    was, was_low, was_high = _wilson(bad_before, before, confidence)
    now, now_low, now_high = _wilson(bad_after, after, confidence)
    estimate = now - was
    low = estimate - np.hypot(now - now_low, was_high - was)
    high = estimate + np.hypot(now_high - now, was - was_low)
    blind = (before == 0) | (after == 0)
    return Change(np.where(blind, 0.0, estimate), np.where(blind, -1.0, low), np.where(blind, 1.0, high))


def _wilson(bad: Floats, n: Floats, confidence: float) -> tuple[Floats, Floats, Floats]:
    """Share and its one-sided score limits (E. B. Wilson, 1927)."""
    z = quantiles.normal(confidence)
    size = np.maximum(n, 1)
    share = bad / size
    middle = (share + z * z / (2 * size)) / (1 + z * z / size)
    half = z / (1 + z * z / size) * np.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    return share, np.minimum(share, np.clip(middle - half, 0, 1)), np.maximum(share, np.clip(middle + half, 0, 1))
