"""What kind of platform the levels show: whether it sheds load, collapses or queues above its capacity, and whether it changes with time. Pure.

A change with time is looked for where there is no load: in the response times of single requests before each level, by the trend test of H. B. Mann
("Nonparametric tests against trend", Econometrica 13, 1945) and the slope of P. K. Sen ("Estimates of the regression coefficient based on Kendall's tau",
Journal of the American Statistical Association 63, 1968).
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from closeshave.capacity.level import LevelCause, LevelPurpose, LevelResult, LevelStatus

LEVELS_LEAST = 6
"""With fewer levels a trend is chance."""
SURE_Z = 2.326
"""Quantile of the standard normal distribution for 99 %, one-sided."""
CHANGED = 0.2
"""The least change of the idle response time over the search that is called one, as a share."""
COLD = 1.5
"""The first level found a cold platform if its idle response time was so many times the median of the later ones."""
COLLAPSED = 0.8
"""Goodput above the capacity, as a share of that at the capacity: with less it has collapsed."""
SHED = 0.05
"""The least share of requests that are refused with 429 or 503 above the capacity: with less it sheds nothing."""


class OverloadKind(StrEnum):
    """What a platform does above its capacity."""

    SHEDS = "sheds"
    """It refuses what it cannot do, and does the rest."""
    COLLAPSES = "collapses"
    """It answers fewer requests well than at its capacity."""
    QUEUES = "queues"
    """It refuses nothing and answers as many as at its capacity; the others wait."""


class DriftKind(StrEnum):
    """How a platform changed during the search."""

    SLOWER = "slower"
    """As with a leak: slower with time, without load."""
    FASTER = "faster"
    """As while caches fill."""


@dataclass(frozen=True, slots=True)
class OverloadSaid:
    """What happened above the capacity."""

    kind: OverloadKind
    """What it does."""
    rate: float
    """Arrivals per second."""
    goodput_share: float
    """Requests that ended well per second, as a share of those at the capacity."""
    refused: float
    """Share answered with 429 or 503."""
    well_after_s: float | None
    """``null`` where it did not serve as before within the deadline."""
    sentence: str
    """The same in words."""


@dataclass(frozen=True, slots=True)
class DriftSaid:
    """A change with time."""

    kind: DriftKind
    """In which direction."""
    change: float
    """Of the idle response time from the first level to the last, as a share: 0.5 for one and a half times as long."""
    sentence: str
    """The same in words."""


def overload(results: Sequence[LevelResult], capacity: float | None) -> OverloadSaid | None:
    """What the platform did above this capacity (arrivals per second); ``None`` where that was not seen, or was not the platform's doing."""
    above = next((one for one in results if one.ask.purpose is LevelPurpose.OVERLOAD), None)
    if (
        above is None
        or above.figures is None
        or capacity is None
        or above.cause in {LevelCause.GENERATOR, LevelCause.FAILED, LevelCause.FAULT}
    ):
        return None
    at = [
        one.figures.goodput_per_s
        for one in results
        if one.figures is not None and one.status is LevelStatus.HOLDS and math.isclose(one.ask.rate, capacity, rel_tol=1e-9)
    ]
    if not at or not max(at):
        return None
    share, refused = above.figures.goodput_per_s / at[-1], above.figures.refused
    after = above.overload.well_after_s if above.overload is not None else None
    kind = OverloadKind.COLLAPSES if share < COLLAPSED else OverloadKind.SHEDS if refused >= SHED else OverloadKind.QUEUES
    does = {
        OverloadKind.COLLAPSES: f"it collapses: {above.figures.goodput_per_s:,.0f} requests/s are answered well, {share:.0%} of those at its capacity",
        OverloadKind.SHEDS: f"it sheds load: {refused:.0%} of the requests are refused with 429 or 503, and {share:.0%} of what it does at its capacity "
        "is still answered well",
        OverloadKind.QUEUES: f"it refuses nothing: {share:.0%} of what it does at its capacity is answered well, and the other requests wait",
    }[kind]
    deadline_s = above.overload.deadline_s if above.overload is not None else 0.0
    again = (
        f"it serves as before {after:.1f} s after the load has ended"
        if after is not None
        else f"it did not serve as before within {deadline_s:g} s"
    )
    times = above.ask.rate / capacity
    return OverloadSaid(kind, above.ask.rate, share, refused, after, f"at {times:.3g} times the capacity {does}; {again}")


def drifts(results: Sequence[LevelResult]) -> tuple[DriftSaid, ...]:
    """How the platform changed with time; none where it did not, or too few levels say."""
    return tuple(_drifts(results))


def _drifts(results: Sequence[LevelResult]) -> Iterator[DriftSaid]:
    seen = [(one.began_s, one.idle_ms) for one in results if one.idle_ms is not None]
    if len(seen) < LEVELS_LEAST:
        return
    first, later = seen[0][1], statistics.median(idle for _, idle in seen[1:])
    z, per_s = _trend(seen)
    whole_s = seen[-1][0] - seen[0][0]
    start = statistics.median(idle for _, idle in seen) - per_s * (statistics.median(at for at, _ in seen) - seen[0][0])
    change = per_s * whole_s / start if start > 0 else 0.0
    if z >= SURE_Z and change >= CHANGED:
        yield DriftSaid(
            DriftKind.SLOWER,
            change,
            f"it becomes slower with time, as with a leak: a single request without load took {change:.0%} longer after {whole_s / 60:.1f} min; "
            "its capacity falls the longer it runs, so the figure is that of this search only",
        )
    elif first >= COLD * later:
        yield DriftSaid(
            DriftKind.FASTER,
            later / first - 1,
            f"it was cold at first: a single request without load took {first:.3g} ms before the first level and {later:.3g} ms later",
        )
    elif z <= -SURE_Z and change <= -CHANGED:
        yield DriftSaid(
            DriftKind.FASTER, change, f"it becomes faster with time: a single request without load took {-change:.0%} less at the end"
        )


def _trend(seen: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The z of Mann's test, and Sen's slope per second."""
    pairs = list(itertools.combinations(seen, 2))
    s = sum((later[1] > earlier[1]) - (later[1] < earlier[1]) for earlier, later in pairs)
    n = len(seen)
    spread = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    slopes = [(later[1] - earlier[1]) / (later[0] - earlier[0]) for earlier, later in pairs if later[0] > earlier[0]]
    return (s - (s > 0) + (s < 0)) / spread, statistics.median(slopes) if slopes else 0.0
