"""When did an outage end? The change point in a sequence of probes of which most failed before it and hardly any after it.

A change-point in a sequence of yes and no (Barry and Hartigan 1993, reduced to one change): before it every probe fails with one unknown probability,
after it with another one that the plan's share for *restored* limits. Every gap between two probes may hold the change point; its probability
follows from how many probes failed before and after it, times the gap's length, because every instant has the same prior probability.

* A *total* outage, in which every probe failed, leaves one gap: from the last failed probe to the first good one. This needs about six failed
  probes: one or two may be all that probes saw of a partial outage.
* In a *partial* one (a share of the requests fail) the last failed probe may lie well before the end: the probes after it succeeded by chance. The
  interval then extends to where so many successes by chance become too unlikely.
* A single failure some seconds after the end does not move the end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closeshave.judge.evidence.columns import Flags, Ints


@dataclass(frozen=True, slots=True)
class Caution:
    """How cautiously few probes are interpreted."""

    total: float
    """The prior probability of a total outage: a primary, a region or a link is lost for all requests."""
    below: float
    above: float
    """The interval contains the change point except for the tails below and above these."""


STATED = Caution(0.8, 0.01, 0.99)
"""For reports and for bounds, 98 %: if the true end lies above the interval, a run that broke its bound may pass, which must be rare."""
COMPARED = Caution(0.92, 0.01, 0.955)
"""To decide whether two canaries saw the same end, 94.5 %: a canary with two failed probes must not widen the exact result of another."""


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """An outage's end: between ``low_ns`` and ``high_ns``, most likely near ``middle_ns``; the last two are ``None`` while it may not be over."""

    low_ns: int
    high_ns: int | None
    middle_ns: int | None


def change_point(at_ns: Ints, failed: Flags, restored_share: float, caution: Caution = STATED) -> ChangePoint:
    """The end of an outage that begins with the first of these probes, which failed. ``at_ns`` ascends.

    ``at_ns`` is when a failed probe was sent and when a good one was answered: the platform refused no later than it was asked, and served no earlier
    than it answered. Raises :class:`ValueError` when the first probe did not fail.
    """
    if not len(at_ns) or not failed[0]:
        raise ValueError("an outage begins with a failed probe")
    bad_before, before = np.cumsum(failed.astype(np.int64)), np.arange(1, len(failed) + 1)
    bad_after, after = bad_before[-1] - bad_before, len(failed) - before
    likely = _outage(bad_before, before - bad_before, caution.total) + _served(bad_after, after - bad_after, restored_share)
    # If more than the allowed share fails after it, that is no service.
    likely[bad_after >= beyond(after, 1.0 - restored_share)] = -np.inf
    lengths = np.diff(at_ns).astype(np.float64)
    # The gap after the last probe: as long as the others, as if probing had continued.
    lengths = np.append(lengths, lengths.mean() if len(lengths) else 1.0)
    with np.errstate(divide="ignore"):
        weight = np.exp(likely - likely.max() + np.log(np.maximum(lengths, 1.0)) - math.log(lengths.max() or 1.0))
    share = np.cumsum(weight) / weight.sum()
    low, high = int(np.searchsorted(share, caution.below, side="right")), int(np.searchsorted(share, caution.above))
    if high >= len(at_ns) - 1:
        return ChangePoint(int(at_ns[low]), None, None)
    # Where several gaps are in question, up to the last but the open one: without its long tail the mean of a partial outage would read short.
    last = high + 1 if low == high else len(at_ns) - 1
    middles = at_ns[low:last] - at_ns[low] + np.diff(at_ns[low : last + 1]) / 2
    middle = min(int(at_ns[low]) + round(float(np.average(middles, weights=weight[low:last]))), int(at_ns[high + 1]))
    return ChangePoint(int(at_ns[low]), int(at_ns[high + 1]), middle)


def beyond(probes: Ints, share: float) -> Ints:
    """From how many failures among so many probes chance at this failure share is no explanation (5 of 100 cases; normal approximation plus one)."""
    found: Ints = np.floor(probes * share + 1.645 * np.sqrt(probes * share * (1.0 - share)) + 2.0).astype(np.int64)
    return found


def _outage(bad: Ints, good: Ints, total: float) -> NDArray[np.float64]:
    """Log likelihood of such an outage: total with the probability ``total``, else partial, with all shares equally likely.

    The outage begins with its first failure by definition, whatever its share, so this failure says nothing about the share. If it counted, the share
    of a short partial outage would be too high, the good probes at its end too unlikely, and the outage too short. It counts only if it is the only
    failure.
    """
    telling = bad - 1 if bad[-1] > 1 else bad
    partial = _log_beta(telling + 1.0, good + 1.0) + math.log(1.0 - total)
    return np.where(good == 0, np.logaddexp(partial, math.log(total)), partial)


def _served(bad: Ints, good: Ints, restored_share: float) -> NDArray[np.float64]:
    """Log likelihood of such a service, whose mean share of failures is half of what still counts as restored (a beta distribution)."""
    one, other = 0.5, max(1.0, 1.0 / (1.0 - restored_share) - 0.5)
    return _log_beta(one + bad, other + good) - float(_log_beta(np.array([one]), np.array([other]))[0])


def _log_beta(one: NDArray[np.floating[Any]], other: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    log_gamma = np.vectorize(math.lgamma, otypes=[np.float64])
    found: NDArray[np.float64] = log_gamma(one) + log_gamma(other) - log_gamma(one + other)
    return found
