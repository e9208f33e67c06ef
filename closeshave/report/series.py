"""What customers met, second by second. Pure, and quick with ten million rows: everything is arithmetic on whole columns.

A request counts where it was *due* (offered, not good, response time), because that is when its customer wanted the answer; only the completed
rate, of requests that were answered well, counts where they ended. Canaries are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from closeshave.history import Source
from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.columns import equal
from closeshave.report.axis import Axis

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Whole = npt.NDArray[np.integer[Any]]
"""Whole numbers of any width: of a hundred million requests it matters."""

MOST_BINS = 900
"""More points than a screen has pixels would not be visible."""
_WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_VALUE_BITS = 40
"""For a response time in microseconds: up to 12 days. The bits above hold the group."""
_LONGEST = (1 << _VALUE_BITS) - 1
_MOST_CELLS = 4_000_000
"""Of a table of counts."""


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
    due: Whole
    """The bin in which it was due; -1 outside the run."""
    completed: Whole
    """The bin in which it was answered well; -1 where it was not, or outside the run."""
    good: npt.NDArray[np.bool_]
    taken_us: Whole
    region: Whole
    """An index into ``regions``, as ``shard`` is one into ``shards``."""
    shard: Whole
    regions: tuple[str, ...]
    shards: tuple[int, ...]


def customers(operations: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which operations are of customers."""
    return equal(operations["source"], Source.CUSTOMERS)


def response_us(operations: pd.DataFrame, rows: npt.NDArray[np.bool_]) -> Whole:
    """Response times of ``rows``, intended to end, in whole microseconds."""
    ended, intended = (operations[name].to_numpy(np.int64) for name in ("ended_ns", "intended_ns"))
    longest = max(blocks.each(len(rows), lambda part: int((ended[part] - intended[part]).max())), default=0) // 1_000
    width = np.int32 if longest <= np.iinfo(np.int32).max else np.int64
    return blocks.chosen(rows, lambda part: np.maximum(ended[part] - intended[part], -1) // 1_000, width)


def bin_width_s(span_s: float, most: float = MOST_BINS) -> float:
    """One second, or the next round width with which the whole span has at most so many bins."""
    return float(next((width for width in _WIDTHS_S if span_s / width <= most), _WIDTHS_S[-1]))


def series(operations: pd.DataFrame, axis: Axis) -> TimeSeries:
    """The run as rates and percentiles a bin."""
    by = binned(operations, axis, bin_width_s(axis.span_s))
    each = np.arange(max(1, len(by.shards)))
    (whole,), shards = lines(by, by.shard, len(each), [np.zeros_like(each), each])
    return together(by.bin_s, by.starts_s, whole, dict(zip(by.shards, shards, strict=False)))


def together(bin_s: float, starts_s: Floats, whole: Lines, shards: Mapping[int, Lines]) -> TimeSeries:
    """The curves of a whole run and of its shards."""
    return TimeSeries(
        **{field.name: getattr(whole, field.name) for field in fields(whole)},
        bin_s=bin_s,
        starts_s=starts_s,
        shards=tuple(ShardSeries(shard, one.offered_per_s, one.not_good_per_s, one.p95_ms) for shard, one in shards.items()),
    )


def binned(operations: pd.DataFrame, axis: Axis, bin_s: float) -> Binned:
    """Customers' requests by bins of ``bin_s`` seconds."""
    rows = customers(operations)
    bins, width_ns = max(1, int(np.ceil(axis.span_s / bin_s))), int(bin_s * 1e9)

    def at(name: str) -> Whole:
        """The bin of an instant; -1 outside the run."""
        instants = operations[name].to_numpy(np.int64)

        def inside(part: slice) -> Integers:
            found = (instants[part] - axis.zero_ns) // width_ns
            return np.where((found >= 0) & (found < bins), found, -1)

        return blocks.chosen(rows, inside, np.int32)

    well = operations["good"].to_numpy(np.bool_)
    due, good = at("intended_ns"), blocks.chosen(rows, lambda part: well[part], np.bool_)
    completed = at("ended_ns")
    completed[~good] = -1
    seconds = np.full(bins, bin_s)
    seconds[-1] = axis.span_s - bin_s * (bins - 1) or bin_s
    regions, region = indexed(operations["region"], rows)
    numbers = shard_numbers(operations, rows)
    most = max(blocks.each(len(numbers), lambda part: int(numbers[part].max())), default=-1)
    shards = np.flatnonzero(blocks.counts(len(numbers), lambda part: numbers[part][due[part] >= 0], most + 1))
    return Binned(
        bin_s=bin_s,
        starts_s=np.arange(bins, dtype=np.float64) * bin_s,
        seconds=seconds,
        due=due,
        completed=completed,
        good=good,
        taken_us=response_us(operations, rows),
        region=region,
        shard=placed(numbers, shards),
        regions=regions,
        shards=tuple(int(one) for one in shards),
    )


def shard_numbers(operations: pd.DataFrame, rows: npt.NDArray[np.bool_]) -> Whole:
    """The shards of these rows."""
    every = operations["shard"].to_numpy()
    return blocks.chosen(rows, lambda part: every[part], every.dtype)


def placed(numbers: Whole, known: Integers) -> Whole:
    """The index of each number among ``known``, which ascend; that of the next one where it is not among them."""
    return blocks.into(
        blocks.array(len(numbers), np.int16), lambda part: np.minimum(np.searchsorted(known, numbers[part]), max(len(known) - 1, 0))
    )


def indexed(values: pd.Series, rows: npt.NDArray[np.bool_]) -> tuple[tuple[str, ...], Whole]:
    """The different texts of these rows of a column, sorted, and for each of the rows its index among them."""
    column = values.astype("category")
    every: Whole = column.array.codes
    codes = blocks.chosen(rows, lambda part: every[part], every.dtype)
    size = len(column.cat.categories)
    used = np.flatnonzero(blocks.counts(len(codes), lambda part: codes[part].astype(np.int64) + 1, size + 1)[1:])
    texts = list(column.cat.categories)
    names = [str(texts[at]) for at in used.tolist()]
    order = np.argsort(np.array(names, dtype=object), kind="stable")
    place = np.zeros(max(1, size), np.int16)
    place[used[order]] = np.arange(len(order))
    return tuple(names[at] for at in order), blocks.into(blocks.array(len(codes), np.int16), lambda part: place[np.maximum(codes[part], 0)])


def lines(by: Binned, cell: Whole, number: int, sums: Sequence[Integers]) -> tuple[tuple[Lines, ...], ...]:
    """The curves of requests that are put together in several ways. ``cell`` is one of ``number`` cells for each request, and each of ``sums`` has the
    group of each cell, from 0: the answer has for each of these ways the curves of its groups."""
    bins = len(by.starts_s)
    # What is outside the run is counted in a bin of its own, which is dropped.
    size = bins * number

    def places(at: Whole, part: slice) -> Integers:
        return np.where(at[part] >= 0, cell[part].astype(np.int64) * bins + at[part], size)

    both = blocks.counts(len(cell), lambda part: 2 * places(by.due, part) + by.good[part], 2 * size + 2).reshape(size + 1, 2)
    completed = blocks.counts(len(cell), lambda part: places(by.completed, part), size + 1)
    due = blocks.into(blocks.array(len(cell), np.int32), lambda part: places(by.due, part))
    spread = [np.append((of[:, None] * bins + np.arange(bins)).ravel(), (int(of.max(initial=-1)) + 1) * bins) for of in sums]
    times = percentiles_of_sums(due, by.taken_us, size + 1, spread, (0.5, 0.95, 0.99))
    return tuple(_lines(by, of, both, completed, found) for of, found in zip(sums, times, strict=True))


def _lines(by: Binned, of: Integers, both: Integers, completed: Integers, times_us: Floats) -> tuple[Lines, ...]:
    """The curves of one way to put cells together: ``both``, ``completed`` and ``times_us`` end with what is outside the run."""
    bins, groups = len(by.starts_s), int(of.max(initial=-1)) + 1

    def rate(counted: Integers) -> Floats:
        found = np.zeros((groups, bins), dtype=np.int64)
        np.add.at(found, of, counted[:-1].reshape(len(of), bins))
        return found / by.seconds

    offered, not_good, well = rate(both.sum(axis=1)), rate(both[:, 0]), rate(completed)
    p50, p95, p99 = times_us[:, :-1].reshape(3, groups, bins) / 1_000
    return tuple(Lines(offered[at], well[at], not_good[at], p50[at], p95[at], p99[at]) for at in range(groups))


def percentiles(groups: Whole, values: Whole, number: int, quantiles: Sequence[float]) -> Floats:
    """Exact percentiles (nearest rank) of ``values`` within each of ``number`` groups: a row a quantile, NaN for an empty group."""
    return percentiles_of_sums(groups, values, number, [np.arange(number)], quantiles)[0]


def percentiles_of_sums(
    cells: Whole, values: Whole, number: int, sums: Sequence[Integers], quantiles: Sequence[float]
) -> tuple[Floats, ...]:
    """As :func:`percentiles`, for each of several ways to put ``number`` cells together: ``sums`` have the group of each cell, from 0.

    Not by sorting everything. First it is counted how many values of each cell lie in each of some hundred ranges, which tells the range of every
    percentile of every group, and its rank there. Then only the values of these ranges are sorted.
    """
    sizes = [int(of.max(initial=-1)) + 1 for of in sums]
    if not len(values):
        return tuple(np.full((len(quantiles), size), np.nan) for size in sizes)
    fine = _fineness(number)
    ranges = int(_ranges(np.array([_LONGEST]), fine)[0]) + 1
    width: np.dtype[np.signedinteger[Any]] = np.dtype(np.int32 if number * ranges <= np.iinfo(np.int32).max else np.int64)
    place = blocks.into(blocks.array(len(values), width), lambda part: cells[part].astype(width) * ranges + _ranges(values[part], fine))
    counted = blocks.counts(len(values), lambda part: place[part], number * ranges).reshape(number, ranges)
    searches = [_search(_summed(counted, of, size), quantiles) for of, size in zip(sums, sizes, strict=True)]
    wanted = np.zeros((number, ranges), dtype=np.bool_)
    for of, search in zip(sums, searches, strict=True):
        wanted |= search.wanted[of]
    flat = wanted.ravel()
    some = blocks.mask(len(values), lambda part: flat[place[part]])
    places = blocks.chosen(some, lambda part: place[part])
    kept = blocks.chosen(some, lambda part: np.clip(values[part], 0, _LONGEST))
    return tuple(_found(search, of, places, kept, ranges) for of, search in zip(sums, searches, strict=True))


@dataclass(frozen=True, slots=True)
class Search:
    """Where the percentiles of some groups lie."""

    counted: Integers
    """A row a group: how many values lie in each range."""
    filled: Integers
    """Groups that are not empty."""
    ranks: Sequence[Integers]
    """For each quantile the rank of the percentile in each filled group."""
    at: Sequence[Integers]
    """For each quantile the range in which it lies."""
    wanted: npt.NDArray[np.bool_]
    """Ranges in which some percentile of the group lies."""


def _summed(counted: Integers, of: Integers, size: int) -> Integers:
    if size == len(of) and bool((of == np.arange(size)).all()):
        return counted
    found = np.zeros((size, counted.shape[1]), dtype=np.int64)
    np.add.at(found, of, counted)
    return found


def _search(counted: Integers, quantiles: Sequence[float]) -> Search:
    below = np.cumsum(counted, axis=1)
    sizes = below[:, -1]
    filled = np.flatnonzero(sizes)
    ranks = [np.maximum(np.ceil(quantile * sizes[filled]).astype(np.int64), 1) - 1 for quantile in quantiles]
    at = [(below[filled] <= rank[:, None]).sum(axis=1) for rank in ranks]
    wanted = np.zeros(counted.shape, dtype=np.bool_)
    for each in at:
        wanted[filled, each] = True
    return Search(counted, filled, ranks, at, wanted)


def _found(search: Search, of: Integers, places: Integers, kept: Integers, ranges: int) -> Floats:
    """The percentiles, by the values that lie in a range which some search wants."""
    group, mine = of[places // ranges], search.wanted.ravel()
    own = mine[group * ranges + places % ranges]
    found = np.sort((group[own] << _VALUE_BITS) | kept[own])
    counted = search.counted.ravel()
    begins = np.cumsum(np.where(mine, counted, 0)) - np.where(mine, counted, 0)
    before = (np.cumsum(search.counted, axis=1) - search.counted).ravel()
    answer = np.full((len(search.ranks), len(search.counted)), np.nan)
    for row, (rank, at) in enumerate(zip(search.ranks, search.at, strict=True)):
        cell = search.filled * ranges + at
        answer[row, search.filled] = found[begins[cell] + rank - before[cell]] & _LONGEST
    return answer


def _fineness(number: int) -> int:
    """How many bits of a value's mantissa tell its range: fewer for many groups, so that the table of counts stays small."""
    return next((bits for bits in (6, 5, 4, 3, 2) if number * (_VALUE_BITS << bits) <= _MOST_CELLS), 1)


def _ranges(values: Whole, fine: int) -> Integers:
    """The range of each value, from 0; a larger value is in no earlier range.

    It is the exponent and the first bits of the mantissa, of the value plus one as a floating-point number: ranges get wider as values do.
    """
    exact = values.astype(np.float64)
    np.clip(exact, 0, _LONGEST, out=exact)
    exact += 1.0
    found: Integers = exact.view(np.int64)
    found >>= 52 - fine
    found -= 1023 << fine
    return found
