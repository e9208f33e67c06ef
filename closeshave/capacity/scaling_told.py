"""The scaling of a platform in words and as plain values. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from closeshave.capacity.interval import Interval
from closeshave.capacity.scalability import AS_GOOD, ScalingFit, UnknownScaling
from closeshave.report import words


def sentences(found: ScalingFit | UnknownScaling, claimed_per_s: float | None = None) -> Iterator[str]:
    """What the levels say, one thing a line; with how far they carry towards a claimed throughput."""
    if isinstance(found, UnknownScaling):
        yield f"scaling: unknown, because {found.because}"
        return
    yield (
        f"Universal Scalability Law: one does {_rate(found.per_one_per_s)}; contention (sigma) {_plain(found.contention)}, "
        f"coherency (kappa) {_plain(found.coherency)} (95 % intervals)"
    )
    for each in found.sizes:
        yield (
            f"size {each.size:g}: measured {words.per_second(each.measured_per_s)}, the law says {_rate(each.law)}: {each.residual:+.1%} off"
        ).replace("%", " %")
    yield _against_line(found)
    if found.misfit:
        yield (
            "The law does not describe these levels: the repeats of one size agree far better with each other than their means do with the law "
            f"(chance {found.misfit_chance:.1g}). Do not extrapolate from it"
        )
    else:
        size, most = found.best()
        yield _bound(found, size, most)
    if claimed_per_s is not None:
        yield str(found.support(claimed_per_s))


def _bound(found: ScalingFit, size: float, most: float) -> str:
    return (
        f"Lower bound at 95 %: {words.per_second(most)}, at size {size:.3g}. Nothing is claimed past size {found.size_max:g}, 2.5 times the largest that "
        "was measured"
    )


def plain(found: ScalingFit | UnknownScaling) -> dict[str, Any]:
    """The same for other programs; without the resamples."""
    if isinstance(found, UnknownScaling):
        return {"status": "unknown", "because": found.because}
    size, most = found.best()
    return {
        "status": "fitted",
        "per_one_per_s": interval(found.per_one_per_s),
        "contention": interval(found.contention),
        "coherency": interval(found.coherency),
        "sizes": [
            {"size": each.size, "measured_per_s": each.measured_per_s, "law_per_s": interval(each.law), "residual": each.residual}
            for each in found.sizes
        ],
        "aicc_law": found.aicc_law,
        "aicc_line": found.aicc_line,
        "worse_than_line": found.worse_than_line,
        "misfit_chance": found.misfit_chance,
        "size_max": found.size_max,
        "best_size": size,
        "quoted_per_s": most,
    }


def interval(figure: Interval) -> dict[str, float]:
    """A figure with its interval as plain values."""
    return {"low": figure.low, "point": figure.point, "high": figure.high}


def _against_line(found: ScalingFit) -> str:
    gap = abs(found.aicc_line - found.aicc_law)
    if gap < AS_GOOD:
        return f"A straight line describes these levels about as well (AICc differs by {gap:.1f}): contention and coherency are not settled by them"
    if found.worse_than_line:
        return (
            f"This fit is worse than a straight line (AICc larger by {gap:.1f}): contention and coherency are not settled by these levels"
        )
    return f"A straight line describes these levels worse (AICc larger by {gap:.1f})"


def _rate(figure: Interval) -> str:
    return f"{words.per_second(figure.point)} ({words.per_second(figure.low)} to {words.per_second(figure.high)})"


def _plain(figure: Interval) -> str:
    return f"{figure.point:.3g} ({figure.low:.3g} to {figure.high:.3g})"
