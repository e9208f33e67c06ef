"""What customers met, second by second. Pure, and quick with ten million rows: everything is arithmetic on whole columns.

A request counts where it was *due* (offered, not good, response time), because that is when its customer wanted the answer; only the completed
rate, of requests that were answered well, counts where they ended. Canaries are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from closeshave.history import Source
from closeshave.report.axis import Axis

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_MOST_BINS = 900
"""More points than a screen has pixels would not be visible."""
_WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_VALUE_BITS = 40
"""For a response time in microseconds: up to 12 days. The bits above hold the group."""


@dataclass(frozen=True, slots=True)
class ShardSeries:
    """One shard's part; arrays have one entry a bin."""

    shard: int
    offered_per_s: Floats
    not_good_per_s: Floats
    p95_ms: Floats


@dataclass(frozen=True, slots=True)
class Series:
    """Arrays have one entry a bin; a percentile of nothing is NaN."""

    bin_s: float
    starts_s: Floats
    offered_per_s: Floats
    completed_per_s: Floats
    not_good_per_s: Floats
    p50_ms: Floats
    p95_ms: Floats
    p99_ms: Floats
    shards: tuple[ShardSeries, ...]


def customers(operations: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """These columns of the operations of customers alone. Only they are copied, which matters with ten million rows."""
    return operations.loc[(operations["source"] == Source.CUSTOMERS).to_numpy(), list(columns)]


def response_us(operations: pd.DataFrame) -> Integers:
    """Response times, intended to end, in whole microseconds."""
    taken: Integers = (operations["ended_ns"].to_numpy(np.int64) - operations["intended_ns"].to_numpy(np.int64)) // 1_000
    return taken


def bin_width_s(span_s: float) -> float:
    """One second, or the next round width with which the whole span fits the screen."""
    return float(next((width for width in _WIDTHS_S if span_s / width <= _MOST_BINS), _WIDTHS_S[-1]))


def series(operations: pd.DataFrame, axis: Axis) -> Series:
    """The run as rates and percentiles a bin."""
    rows = customers(operations, "intended_ns", "ended_ns", "good", "shard")
    width = bin_width_s(axis.span_s)
    bins = max(1, int(np.ceil(axis.span_s / width)))
    width_ns = int(width * 1e9)
    due = (rows["intended_ns"].to_numpy(np.int64) - axis.zero_ns) // width_ns
    ended = (rows["ended_ns"].to_numpy(np.int64) - axis.zero_ns) // width_ns
    good = rows["good"].to_numpy(np.bool_)
    ended = ended[good & (ended >= 0) & (ended < bins)]
    inside = (due >= 0) & (due < bins)
    due, taken, bad = due[inside], response_us(rows)[inside], ~good[inside]
    number = rows["shard"].to_numpy(np.int64)[inside]
    ids = np.flatnonzero(np.bincount(number)) if len(number) else np.zeros(0, np.int64)
    shard = np.searchsorted(ids, number)
    seconds = np.full(bins, width)
    seconds[-1] = axis.span_s - width * (bins - 1) or width

    def rate(where: Integers, groups: int = 1) -> Floats:
        counted: Floats = np.bincount(where, minlength=bins * groups).reshape(groups, bins) / seconds
        return counted

    by_shard = shard * bins + due
    offered, not_good = rate(by_shard, len(ids)), rate(by_shard[bad], len(ids))
    p50, p95, p99 = percentiles(due, taken, bins, (0.5, 0.95, 0.99)) / 1_000
    shard_p95 = percentiles(by_shard, taken, bins * len(ids), (0.95,))[0].reshape(len(ids), bins) / 1_000
    return Series(
        bin_s=width,
        starts_s=np.arange(bins, dtype=np.float64) * width,
        offered_per_s=rate(due)[0],
        completed_per_s=rate(ended)[0],
        not_good_per_s=rate(due[bad])[0],
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        shards=tuple(ShardSeries(int(one), offered[at], not_good[at], shard_p95[at]) for at, one in enumerate(ids)),
    )


def percentiles(groups: Integers, values: Integers, number: int, quantiles: Sequence[float]) -> Floats:
    """Exact percentiles (nearest rank) of ``values`` within each of ``number`` groups: a row a quantile, NaN for an empty group.

    Group and value are packed into one integer, so that a single sort orders the values of every group.
    """
    packed = np.sort((groups << _VALUE_BITS) | np.clip(values, 0, (1 << _VALUE_BITS) - 1))
    sizes = np.bincount(groups, minlength=number)
    first = np.cumsum(sizes) - sizes
    answer = np.full((len(quantiles), number), np.nan)
    filled = sizes > 0
    for row, quantile in enumerate(quantiles):
        rank = np.maximum(np.ceil(quantile * sizes[filled]).astype(np.int64), 1) - 1
        answer[row, filled] = packed[first[filled] + rank] & ((1 << _VALUE_BITS) - 1)
    return answer
