"""What one level says about its rate: it holds, is broken, or is unknown. Pure.

Percentiles count every request of the level; one that was not answered well is infinitely slow, as for the judges of a run. Bounds are theirs, too
(:mod:`closeshave.judge.measures.sampling`): a level holds if the upper bound of each percentile is within its objective and the lower bound of the
availability reaches 99 %, and is broken if a bound on the other side is past it.

Whether a broken level is the platform's doing is asked before: a late generator, a disturbed machine and a backlog that still drains make it unknown.
A backlog that grows makes a level that holds unknown. One that grew through the whole level, and has broken an objective already, is broken: nothing
that comes later makes it better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from closeshave.capacity.level import LevelCause, LevelFigures, LevelStatus, PercentileFigure
from closeshave.capacity.sample import LevelSample
from closeshave.capacity.stationary import BacklogTrend, FlightFigures, in_flight
from closeshave.judge.evidence.columns import Flags
from closeshave.judge.evidence.windows import NEVER_NS, WINDOW_NS
from closeshave.judge.measures import sampling
from closeshave.plurals import counted

AVAILABILITY = 0.99
"""The share of requests that must be answered well at the capacity."""
CONFIDENCE = 0.95
SETTLED = 0.95
"""The strictest share that every level settles; stricter ones take several times as many requests."""
LATE = 0.1
"""A request may be sent later than it was due by this share of the tightest objective, at the 99th percentile of each window: as in every run."""
CLUSTER_NS = 1_000_000_000
"""Requests of one second count as one cluster where slow ones come together."""


@dataclass(frozen=True, slots=True)
class LevelObjective:
    """A promise on response times that the capacity must keep."""

    id: str
    percentile: float
    """From 0 to 1."""
    at_most_s: float
    confidence: float = CONFIDENCE


@dataclass(frozen=True, slots=True)
class LevelVerdict:
    """What a level says."""

    status: LevelStatus
    cause: LevelCause
    why: str
    figures: LevelFigures


@dataclass(frozen=True, slots=True)
class _Decided:
    holds: bool
    broken: tuple[str, ...]
    """What broke, in words."""
    undecided: tuple[str, ...]
    percentiles: tuple[PercentileFigure, ...]


@dataclass(frozen=True, slots=True)
class _Needed:
    """What must hold."""

    objectives: Sequence[LevelObjective]
    availability: float
    final: bool
    """Whether stricter shares than :data:`SETTLED` must be settled too."""

    def settles(self, share: float) -> bool:
        """Whether this share needs its confidence bound in this level; otherwise what was measured is enough."""
        return self.final or share <= SETTLED + 1e-9


def judged(
    sample: LevelSample, objectives: Sequence[LevelObjective], *, final: bool = True, availability: float = AVAILABILITY
) -> LevelVerdict:
    """The verdict on a level. Shares stricter than 95 %, such as the availability, are settled by their confidence bounds in a ``final`` level alone,
    which has requests enough; in all others they hold if they did in what was measured.

    Raises :class:`ValueError` without objectives.
    """
    if not objectives:
        raise ValueError("a capacity needs an objective on response times")
    needed = _Needed(objectives, availability, final)
    rows, flight = sample.judged, in_flight(sample)
    found = _decided(sample, needed, sample.good)
    late_ms = lateness_ms(sample)
    figures = _figures(sample, flight, found.percentiles, late_ms)

    def said(status: LevelStatus, cause: LevelCause = LevelCause.NONE, why: str = "") -> LevelVerdict:
        return LevelVerdict(status, cause, why, figures)

    if not np.any(rows):
        return said(LevelStatus.UNKNOWN, LevelCause.FEW, "no request was due in it")
    limit_ms = LATE * min(one.at_most_s for one in objectives) * 1e3
    if late_ms > limit_ms:
        why = f"the load generator sent requests up to {late_ms:,.1f} ms late (p99 of its worst window; at most {limit_ms:g} ms is allowed)"
        return said(LevelStatus.UNKNOWN, LevelCause.GENERATOR, why)
    trend = flight.trend
    if found.broken:
        return said(*_broken(sample, needed, found, flight))
    if trend is BacklogTrend.GROWING:
        return said(LevelStatus.UNKNOWN, LevelCause.GROWING, _growing(flight))
    if found.undecided:
        cause = LevelCause.FEW if _few(needed, found, int(np.count_nonzero(rows))) else LevelCause.INTERVAL
        return said(LevelStatus.UNKNOWN, cause, "; ".join(found.undecided))
    return said(LevelStatus.HOLDS)


def _few(needed: _Needed, found: _Decided, n: int) -> bool:
    """Whether not even a sample of this size without any slow or failed request would hold."""
    sizes = {one.objective: one.n for one in found.percentiles}
    shares = [(sizes.get(one.id, 0), one.percentile, one.confidence) for one in needed.objectives] + [(n, needed.availability, CONFIDENCE)]
    return any(
        not size or (needed.settles(share) and sampling.share_bounds(size, size, confidence)[0] < share)
        for size, share, confidence in shares
    )


def _broken(sample: LevelSample, needed: _Needed, found: _Decided, flight: FlightFigures) -> tuple[LevelStatus, LevelCause, str]:
    why = "; ".join(found.broken)
    if flight.trend is BacklogTrend.DRAINING:
        return LevelStatus.UNKNOWN, LevelCause.DRAINING, f"{why}; but the backlog was still draining"
    if flight.trend is BacklogTrend.GROWING and not flight.throughout:
        return LevelStatus.UNKNOWN, LevelCause.GROWING, f"{why}; but the backlog grew only for a part of the level"
    if sample.touched is not None and np.any(sample.touched & sample.judged):
        alone = _decided(sample, needed, sample.good | sample.touched, sample.touched)
        if not alone.broken:
            share = int(np.count_nonzero(sample.touched & sample.judged)) / max(1, int(np.count_nonzero(sample.judged)))
            return LevelStatus.UNKNOWN, LevelCause.MACHINE, f"{why}; but other programs disturbed {share:.0%} of the requests"
    return LevelStatus.BROKEN, LevelCause.NONE, f"{why}; {_growing(flight)}" if flight.trend is BacklogTrend.GROWING else why


def _growing(flight: FlightFigures) -> str:
    return f"the backlog grew from {flight.parts[0]:,.0f} to {flight.parts[-1]:,.0f} requests in flight"


def _decided(sample: LevelSample, needed: _Needed, good: Flags, at_once: Flags | None = None) -> _Decided:
    """``at_once`` are requests that are taken as answered at once."""
    response_ns = np.where(good, sample.response_ns, NEVER_NS)
    response_ns = response_ns if at_once is None else np.where(at_once, 0, response_ns)
    broken, undecided, percentiles = [], [], []
    for one in needed.objectives:
        rows = sample.about(one.id)
        if not np.any(rows):
            undecided.append(f"{one.id}: there were no requests of its kind")
            continue
        figure, said, holds = _percentile(one, sample, rows, response_ns)
        percentiles.append(figure)
        if said:
            broken.append(said)
        elif not holds and (needed.settles(one.percentile) or (figure.measured_s or np.inf) > one.at_most_s):
            undecided.append(f"{one.id}: {counted(figure.n, 'request')} cannot decide about p{one.percentile * 100:g}")
    rows = sample.judged
    n, kept = int(np.count_nonzero(rows)), int(np.count_nonzero(rows & good))
    if n:
        low, high = sampling.share_bounds(kept, n, CONFIDENCE)
        if high < needed.availability:
            broken.append(f"{kept / n:.2%} of {counted(n, 'request')} were answered well; {needed.availability:.0%} is needed")
        elif low < needed.availability and (needed.settles(needed.availability) or kept < needed.availability * n):
            undecided.append(f"{counted(n, 'request')} cannot decide about an availability of {needed.availability:.0%}")
    return _Decided(not broken and not undecided, tuple(broken), tuple(undecided), tuple(percentiles))


def _percentile(one: LevelObjective, sample: LevelSample, rows: Flags, response_ns: object) -> tuple[PercentileFigure, str, bool]:
    """Its figures, why it is broken (empty if it is not), and whether it holds."""
    values = np.asarray(response_ns)[rows]
    bound_ns = round(one.at_most_s * 1e9)
    clusters = sampling.clustering(values > bound_ns, sample.due_ns[rows] // CLUSTER_NS, 1 - one.percentile)
    measured = sampling.percentile_ns(values, one.percentile)
    low, high = sampling.percentile_bounds_ns(values, one.percentile, one.confidence, clusters)
    figure = PercentileFigure(
        one.id, one.percentile, one.at_most_s, _seconds(measured), _seconds(low), _seconds(high), int(np.count_nonzero(rows))
    )
    kept = int(np.count_nonzero(values <= bound_ns))
    holds = sampling.share_bounds(kept, len(values), one.confidence, clusters)[0] >= one.percentile
    if low <= bound_ns:
        return figure, "", holds
    is_ = "does not exist, because too many requests were not answered well" if measured == NEVER_NS else f"is {measured / 1e6:,.1f} ms"
    return figure, f"{one.id}: p{one.percentile * 100:g} {is_}; at most {one.at_most_s * 1e3:g} ms is promised", False


def lateness_ms(sample: LevelSample) -> float:
    """The worst p99 of how late requests were sent, over the windows of the level, in milliseconds."""
    return max(_lateness_ms(sample), default=0.0)


def _lateness_ms(sample: LevelSample) -> Iterator[float]:
    rows = sample.judged
    late_ns, due = (sample.sent_ns - sample.due_ns)[rows], sample.due_ns[rows]
    # The rest at the end belongs to the last window: of some ten requests the single latest one would decide.
    last = max(0, (sample.end_ns - sample.begin_ns) // WINDOW_NS - 1)
    index = np.minimum((due - sample.begin_ns) // WINDOW_NS, last)
    for window in np.unique(index):
        yield sampling.percentile_ns(late_ns[index == window], 0.99) / 1e6


def _figures(sample: LevelSample, flight: FlightFigures, percentiles: tuple[PercentileFigure, ...], late_ms: float) -> LevelFigures:
    rows, seconds = sample.judged, sample.seconds
    n = int(np.count_nonzero(rows))
    ended = (sample.ended_ns >= sample.begin_ns) & (sample.ended_ns < sample.end_ns)
    values = np.where(sample.good, sample.response_ns, NEVER_NS)[rows]
    p50, p95, p99 = (_seconds(sampling.percentile_ns(values, share)) if n else None for share in (0.5, 0.95, 0.99))
    return LevelFigures(
        offered_per_s=n / seconds,
        answered_per_s=int(np.count_nonzero(ended)) / seconds,
        goodput_per_s=int(np.count_nonzero(ended & sample.good)) / seconds,
        availability=int(np.count_nonzero(rows & sample.good)) / n if n else 0.0,
        refused=int(np.count_nonzero(rows & sample.refused)) / n if n else 0.0,
        p50_s=p50,
        p95_s=p95,
        p99_s=p99,
        in_flight_mean=flight.mean,
        in_flight_end=flight.parts[-1],
        little=flight.little,
        lateness_ms_p99=late_ms,
        percentiles=percentiles,
    )


def _seconds(time_ns: int) -> float | None:
    return None if time_ns == NEVER_NS else time_ns / 1e9
