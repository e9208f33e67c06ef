"""Columns as plain arrays. Frames may hold nullable integers, categories or missing values; judges need not know which."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closeshave.topology import Topology

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def ints(column: pd.Series, missing: int) -> Ints:
    """The column as 64-bit integers, with ``missing`` where there is none."""
    values = column.array
    if isinstance(values, pd.arrays.IntegerArray):
        return values.to_numpy(np.int64, na_value=missing)
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu":
        return column.to_numpy().astype(np.int64, copy=False)
    known = column.astype("Int64").fillna(missing) if column.isna().any() else column
    whole: Ints = known.to_numpy().astype(np.int64, copy=False)
    return whole


def flags(column: pd.Series) -> Flags:
    """The column as booleans; a missing value is false, because unknown never becomes a pass."""
    if column.dtype == np.bool_:
        return column.to_numpy(dtype=np.bool_)
    return column.astype("boolean").to_numpy(dtype=np.bool_, na_value=False)


def member(column: pd.Series, values: Iterable[str]) -> Flags:
    """Where a text column holds one of ``values``; false where it is empty."""
    wanted = [str(value) for value in values]
    if isinstance(column.dtype, pd.CategoricalDtype):
        # Ten million comparisons of small integers instead of ten million of text.
        codes, categories = column.array.codes, column.array.categories
        found = np.zeros(len(codes), dtype=np.bool_)
        # One value is the usual question, and a few are asked for one by one in less time than a set of them takes.
        for value in wanted:
            if value in categories:
                found |= codes == categories.get_loc(value)
        return found
    return column.isin(wanted).to_numpy(dtype=np.bool_)


def dense(*columns: Ints) -> Ints:
    """One number for each row, from 0: two rows have the same number exactly if they are equal in all of these columns."""
    if (packed := _packed(columns)) is not None:
        codes, _ = pd.factorize(packed)
        return codes.astype(np.int64, copy=False)
    found = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        codes, values = pd.factorize(column)
        # Dense again after each column, so that the next product cannot overflow.
        found, _ = pd.factorize(found * max(1, len(values)) + codes)
    return found


def _packed(columns: Sequence[Ints]) -> Ints | None:
    """The columns side by side in one integer; ``None`` where their values have too wide a range. One table of numbers then does for all of them."""
    if not len(columns[0]):
        return None
    lows = [int(column.min()) for column in columns]
    widths = [int(column.max()) - low + 1 for column, low in zip(columns, lows, strict=True)]
    if math.prod(widths) >= 2**62:
        return None
    found = np.zeros(len(columns[0]), dtype=np.int64)
    for column, low, width in zip(columns, lows, widths, strict=True):
        found = found * width + (column - low)
    return found


def shard_ids(topology: Topology, franchises: Ints) -> Ints:
    """The shard of each franchise, -1 where no shard has it."""
    firsts, lasts, ids = (
        np.array(column, dtype=np.int64) for column in zip(*((s.first, s.last, s.id) for s in topology.shards), strict=True)
    )
    at = np.searchsorted(firsts, franchises, side="right") - 1
    return np.where((at >= 0) & (franchises <= lasts[at]), ids[at], -1)


def shared(column: pd.Series, few: pd.Series) -> pd.Series:
    """Which texts of ``few`` are in the column too. A set of a million texts takes seconds to build, so the set is built from ``few``."""
    wanted = few.dropna()
    return column[column.isin(wanted)] if len(wanted) else wanted


def held_in(some: Ints, others: Ints) -> Flags:
    """Which of ``some`` are among ``others``. By sorting the others: a hash table of ten million takes far longer than numbers that nearly ascend."""
    if not len(some) or not len(others):
        return np.zeros(len(some), dtype=np.bool_)
    ordered = np.sort(others, kind="stable")
    found: Flags = ordered[np.searchsorted(ordered, some).clip(max=len(ordered) - 1)] == some
    return found


def equal(column: pd.Series, value: str) -> Flags:
    """Where a text column holds exactly ``value``."""
    return member(column, (value,))


def filled(rows: pd.DataFrame, *names: str) -> Flags:
    """Rows in which none of these columns is empty."""
    found = np.ones(len(rows), dtype=np.bool_)
    for name in names:
        found &= ~np.asarray(rows[name].array.isna())
    return found


def pairs(left: Sequence[Ints], right: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Positions of rows that are equal in all of these columns, as two parallel arrays: each left row with each equal right row, in order."""
    count = len(left[0])
    if not count or not len(right[0]):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    codes = dense(*(np.concatenate(both) for both in zip(left, right, strict=True)))
    own, other = codes[:count], codes[count:]
    order = np.argsort(other, kind="stable")
    begin, end = (np.searchsorted(other[order], own, side=side) for side in ("left", "right"))
    each = end - begin
    nth = np.arange(int(each.sum())) - np.repeat(np.cumsum(each) - each, each)
    return np.repeat(np.arange(count), each), order[np.repeat(begin, each) + nth]


def latest_known(reads: pd.DataFrame, known: pd.DataFrame, by: list[str], what: str) -> Ints:
    """For each read, the greatest ``what`` among the rows of ``known`` that had ended when it started; -1 where none had."""
    if not len(reads) or not len(known):
        return np.full(len(reads), -1, dtype=np.int64)
    group = dense(*(pd.factorize(pd.concat([known[name], reads[name]]))[0] for name in by))
    at = np.concatenate([known["ended_ns"].to_numpy(), reads["started_ns"].to_numpy()])
    value = np.concatenate([ints(known[what], -1), np.full(len(reads), -1, dtype=np.int64)])
    # Ranks instead of values, so that one running maximum serves all groups: each begins above all of the one before.
    values, rank = np.unique(value, return_inverse=True)
    # Stable, and what is known lies first: what ended in the instant in which a read started had ended.
    order = np.lexsort((at, group))
    highest = np.maximum.accumulate(rank[order] + group[order] * len(values)) - group[order] * len(values)
    found = np.empty(len(order), dtype=np.int64)
    found[order] = values[highest]
    return found[len(known) :]
