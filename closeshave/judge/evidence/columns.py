"""Columns as plain arrays. Frames may hold nullable integers, categories or missing values; judges need not know which."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.rows import Table
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
        return one_of(codes, [int(categories.get_loc(value)) for value in wanted if value in categories])
    return column.isin(wanted).to_numpy(dtype=np.bool_)


def one_of(numbers: NDArray[np.integer[Any]], wanted: Iterable[int]) -> Flags:
    """Which numbers are among a few wanted ones. One is the usual question, and a few are asked for one by one in less time than a set of them takes."""
    few = sorted(set(wanted))
    if not few:
        return np.zeros(len(numbers), dtype=np.bool_)

    def found(part: slice) -> Flags:
        flags: Flags = numbers[part] == few[0]
        for one in few[1:]:
            flags |= numbers[part] == one
        return flags

    return blocks.mask(len(numbers), found)


def shard_ids(topology: Topology, franchises: Ints) -> Ints:
    """The shard of each franchise, -1 where no shard has it."""
    firsts, lasts, ids = (
        np.array(column, dtype=np.int64) for column in zip(*((s.first, s.last, s.id) for s in topology.shards), strict=True)
    )
    at = np.searchsorted(firsts, franchises, side="right") - 1
    return np.where((at >= 0) & (franchises <= lasts[at]), ids[at], -1)


def equal(column: pd.Series, value: str) -> Flags:
    """Where a text column holds exactly ``value``."""
    return member(column, (value,))


def filled(rows: Table, *names: str) -> Flags:
    """Rows in which none of these columns is empty."""
    found = np.ones(len(rows), dtype=np.bool_)
    for name in names:
        found &= ~np.asarray(rows[name].array.isna())
    return found
