"""What customers met, second by second. Pure, and quick with ten million rows: everything is arithmetic on whole columns.

A request counts where it was *due* (offered, not good, response time), because that is when its customer wanted the answer; only the completed
rate, of requests that were answered well, counts where they ended. Canaries are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pandas as pd

from closeshave.history import Source
from closeshave.report.axis import Axis

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MOST_BINS = 900
"""More points than a screen has pixels would not be visible."""
_WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_VALUE_BITS = 40
"""For a response time in microseconds: up to 12 days. The bits above hold the group."""


@dataclass(frozen=True, slots=True)
class Lines:
    """The curves of some requests. Arrays have one entry a bin; a percentile of nothing is NaN."""

    offered_per_s: Floats
    completed_per_s: Floats
    not_good_per_s: Floats
    p50_ms: Floats
    p95_ms: Floats
    p99_ms: Floats


@dataclass(frozen=True, slots=True)
class ShardSeries:
    """One shard's part; arrays have one entry a bin."""

    shard: int
    offered_per_s: Floats
    not_good_per_s: Floats
    p95_ms: Floats


@dataclass(frozen=True, slots=True)
class TimeSeries(Lines):
    """The whole run, and each shard."""

    bin_s: float
    starts_s: Floats
    shards: tuple[ShardSeries, ...]


@dataclass(frozen=True, slots=True)
class Binned:
    """Customers' requests by bins of one width; arrays have one entry a request unless said otherwise."""

    bin_s: float
    starts_s: Floats
    """One entry a bin."""
    seconds: Floats
    """The length of each bin: the last may be shorter."""
    due: Integers
    """The bin in which it was due; -1 outside the run."""
    completed: Integers
    """The bin in which it was answered well; -1 where it was not, or outside the run."""
    good: npt.NDArray[np.bool_]
    taken_us: Integers
    region: Integers
    """An index into ``regions``, as ``shard`` is one into ``shards``."""
    shard: Integers
    regions: tuple[str, ...]
    shards: tuple[int, ...]


def customers(operations: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """These columns of the operations of customers alone. Only they are copied, which matters with ten million rows."""
    return operations.loc[(operations["source"] == Source.CUSTOMERS).to_numpy(), list(columns)]


def response_us(operations: pd.DataFrame) -> Integers:
    """Response times, intended to end, in whole microseconds."""
    taken: Integers = (operations["ended_ns"].to_numpy(np.int64) - operations["intended_ns"].to_numpy(np.int64)) // 1_000
    return taken


def bin_width_s(span_s: float, most: float = MOST_BINS) -> float:
    """One second, or the next round width with which the whole span has at most so many bins."""
    return float(next((width for width in _WIDTHS_S if span_s / width <= most), _WIDTHS_S[-1]))


def series(operations: pd.DataFrame, axis: Axis) -> TimeSeries:
    """The run as rates and percentiles a bin."""
    by = binned(operations, axis, bin_width_s(axis.span_s))
    (whole,) = lines(by, np.zeros(len(by.due), np.int64), 1)
    shards = lines(by, by.shard, len(by.shards))
    return TimeSeries(
        **{field.name: getattr(whole, field.name) for field in fields(whole)},
        bin_s=by.bin_s,
        starts_s=by.starts_s,
        shards=tuple(
            ShardSeries(shard, one.offered_per_s, one.not_good_per_s, one.p95_ms) for shard, one in zip(by.shards, shards, strict=True)
        ),
    )


def binned(operations: pd.DataFrame, axis: Axis, bin_s: float) -> Binned:
    """Customers' requests by bins of ``bin_s`` seconds."""
    rows = customers(operations, "intended_ns", "ended_ns", "good", "region", "shard")
    bins, width_ns = max(1, int(np.ceil(axis.span_s / bin_s))), int(bin_s * 1e9)
    due = (rows["intended_ns"].to_numpy(np.int64) - axis.zero_ns) // width_ns
    ended = (rows["ended_ns"].to_numpy(np.int64) - axis.zero_ns) // width_ns
    good = rows["good"].to_numpy(np.bool_)
    seconds = np.full(bins, bin_s)
    seconds[-1] = axis.span_s - bin_s * (bins - 1) or bin_s
    regions, region = indexed(rows["region"])
    numbers = rows["shard"].to_numpy(np.int64)
    shards = np.flatnonzero(np.bincount(numbers[(due >= 0) & (due < bins)])) if len(numbers) else np.zeros(0, np.int64)
    return Binned(
        bin_s=bin_s,
        starts_s=np.arange(bins, dtype=np.float64) * bin_s,
        seconds=seconds,
        due=np.where((due >= 0) & (due < bins), due, -1),
        completed=np.where(good & (ended >= 0) & (ended < bins), ended, -1),
        good=good,
        taken_us=response_us(rows),
        region=region,
        shard=np.minimum(np.searchsorted(shards, numbers), max(len(shards) - 1, 0)),
        regions=regions,
        shards=tuple(int(one) for one in shards),
    )


def indexed(values: pd.Series) -> tuple[tuple[str, ...], Integers]:
    """The different texts of a column, sorted, and for each row its index among them."""
    column = values.astype("category").cat.remove_unused_categories()
    names = [str(name) for name in column.cat.categories]
    order = np.argsort(np.array(names, dtype=object), kind="stable")
    place: Integers = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    codes: Integers = np.asarray(column.cat.codes, dtype=np.int64)
    if len(place):
        codes = place[np.maximum(codes, 0)]
    return tuple(names[at] for at in order), codes


def lines(by: Binned, group: Integers, number: int) -> tuple[Lines, ...]:
    """The curves of each of ``number`` groups; ``group`` is the group of each request."""
    if not number:
        return ()
    bins = len(by.starts_s)
    inside, ended = by.due >= 0, by.completed >= 0
    due = group[inside] * bins + by.due[inside]

    def rate(where: Integers) -> Floats:
        counted: Floats = np.bincount(where, minlength=bins * number).reshape(number, bins) / by.seconds
        return counted

    offered, not_good = rate(due), rate(due[~by.good[inside]])
    completed = rate(group[ended] * bins + by.completed[ended])
    p50, p95, p99 = percentiles(due, by.taken_us[inside], bins * number, (0.5, 0.95, 0.99)).reshape(3, number, bins) / 1_000
    return tuple(Lines(offered[at], completed[at], not_good[at], p50[at], p95[at], p99[at]) for at in range(number))


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
