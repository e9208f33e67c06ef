"""Which rows of two tables are equal, how many rows are different, and in which order rows come: by sorting, so that memory is known beforehand.

A hash table of twenty million pairs of numbers needs a gigabyte and is slow, because each look-up is elsewhere in memory. Here the columns of a row are
packed into one integer, one table is sorted, and the other one is looked up in it a block at a time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.columns import Flags, Ints, ints
from closeshave.judge.evidence.rows import Table

_WIDEST = 2**62
_NEARLY = 16
"""Numbers of which fewer than one in so many is smaller than the one before are nearly in order: then merging is quicker than any other sort."""
_FEW = 4
"""Of two tables the smaller one is sorted if it has so many times fewer rows."""


def packed(*tables: Sequence[Ints]) -> list[Ints]:
    """For each row of each table (its columns, all of one length) one number: equal exactly where rows are, also of different tables.

    Numbers are in the order of the rows, by the first column first.
    """
    rows = [table for table in tables if len(table[0])]
    if not rows:
        return [np.empty(0, dtype=np.int64) for _ in tables]
    ends = [(min(int(table[at].min()) for table in rows), max(int(table[at].max()) for table in rows)) for at in range(len(tables[0]))]
    widths = [high - low + 1 for low, high in ends]
    if math.prod(widths) < _WIDEST:
        return [_side_by_side(table, [low for low, _ in ends], widths) for table in tables]
    found = np.zeros(sum(len(table[0]) for table in tables), dtype=np.int64)
    for at in range(len(tables[0])):
        rank = _ranks(np.concatenate([table[at] for table in tables]))
        # Ranks again after each column, so that the next product cannot overflow.
        found = _ranks(found * (int(rank.max()) + 1) + rank)
    return np.split(found, np.cumsum([len(table[0]) for table in tables])[:-1])


def _side_by_side(table: Sequence[Ints], lows: Sequence[int], widths: Sequence[int]) -> Ints:
    def of(part: slice) -> Ints:
        found = table[0][part].astype(np.int64) - lows[0]
        for column, low, width in zip(table[1:], lows[1:], widths[1:], strict=True):
            found *= width
            found += column[part]
            found -= low
        return found

    made: Ints = blocks.into(np.empty(len(table[0]), dtype=np.int64), of)
    return made


def _ranks(column: Ints) -> Ints:
    found: Ints = np.unique(column, return_inverse=True)[1].astype(np.int64, copy=False)
    return found


def ascending(*columns: Ints) -> Ints:
    """Positions of the rows in ascending order, by the first column first; equal rows stay in their order.

    Sorts once, where numpy's ``lexsort`` sorts once for each column.
    """
    lead = next((number for number in range(len(columns), 1, -1) if _fits(columns[:number])), 1)
    key = packed(columns[:lead])[0] if lead > 1 else columns[0]
    order = _order(key)
    ahead = key[order]
    same = ahead[1:] == ahead[:-1]
    if not same.any():
        return order
    tied = np.zeros(len(order), dtype=np.bool_)
    tied[1:] |= same
    tied[:-1] |= same
    places = np.flatnonzero(tied)
    rows = order[places]
    order[places] = rows[np.lexsort((rows, *(column[rows] for column in reversed(columns[lead:])), ahead[places]))]
    return order


def _fits(columns: Sequence[Ints]) -> bool:
    return not len(columns[0]) or math.prod(int(column.max()) - int(column.min()) + 1 for column in columns) < _WIDEST


def _order(key: Ints) -> Ints:
    falls = int(np.count_nonzero(key[1:] < key[:-1]))
    if not falls:
        return np.arange(len(key))
    return np.argsort(key, kind="stable" if falls * _NEARLY < len(key) else None)


def dense(*columns: Ints) -> Ints:
    """One number for each row, from 0 in the order in which they first occur: two rows have the same one exactly if they are equal in all columns."""
    (key,) = packed(columns)
    order = np.argsort(key, kind="stable")
    begins = _begins(key[order])
    firsts = order[begins]
    number = np.empty(len(firsts), dtype=np.int64)
    number[np.argsort(firsts)] = np.arange(len(firsts))
    found = np.empty(len(key), dtype=np.int64)
    found[order] = number[np.cumsum(begins) - 1]
    return found


def _begins(ordered: Ints) -> Flags:
    """Where another number begins."""
    found = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=found[1:])
    return found


def distinct(*columns: Ints) -> int:
    """How many different rows there are."""
    (key,) = packed(columns)
    key.sort()
    return int(np.count_nonzero(_begins(key)))


def held_in(some: Ints, others: Ints) -> Flags:
    """Which of ``some`` are among ``others``."""
    if not len(some) or not len(others):
        return np.zeros(len(some), dtype=np.bool_)
    if len(some) * _FEW < len(others):
        few = np.sort(some)
        few = few[_begins(few)]
        seen = np.zeros(len(few), dtype=np.bool_)

        def mark(part: slice) -> None:
            at = _sought(few, others[part]).clip(max=len(few) - 1)
            seen[at[few[at] == others[part]]] = True

        blocks.each(len(others), mark)
        return seen[np.searchsorted(few, some)]
    ordered = others if bool((others[1:] >= others[:-1]).all()) else np.sort(others)

    def found(part: slice) -> Flags:
        known: Flags = ordered[_sought(ordered, some[part]).clip(max=len(ordered) - 1)] == some[part]
        return known

    return blocks.mask(len(some), found)


def _sought(ordered: Ints, wanted: Ints, side: str = "left") -> Ints:
    """As numpy's ``searchsorted``, in ascending order of what is wanted, so that one look-up is near the one before."""
    if bool((wanted[1:] >= wanted[:-1]).all()):
        return np.searchsorted(ordered, wanted, side=side)  # type: ignore[call-overload,no-any-return]  # its stub wants a literal
    order = np.argsort(wanted)
    found = np.empty(len(wanted), dtype=np.int64)
    found[order] = np.searchsorted(ordered, wanted[order], side=side)  # type: ignore[call-overload]  # as above
    return found


def rows_in(some: Sequence[Ints], others: Sequence[Ints]) -> Flags:
    """Which rows of ``some`` are equal to a row of ``others`` in all of these columns."""
    return held_in(*packed(some, others))


def first_equal(some: Sequence[Ints], others: Sequence[Ints], by: Ints) -> Ints:
    """For each row of ``some`` the position of the row of ``others`` that is equal in all of these columns; -1 where there is none.

    Of several it is the one with the least ``by``, and of these the first one.
    """
    mine, theirs = packed(some, others)
    if not len(theirs):
        return np.full(len(mine), -1, dtype=np.int64)
    order = ascending(theirs, by)
    ahead = theirs[order]
    del theirs

    def place(part: slice) -> Ints:
        at = _sought(ahead, mine[part]).clip(max=len(ahead) - 1)
        return np.where(ahead[at] == mine[part], order[at], -1)

    found: Ints = blocks.into(np.empty(len(mine), dtype=np.int64), place)
    return found


def pairs(left: Sequence[Ints], right: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Positions of rows that are equal in all of these columns, as two parallel arrays: each left row with each equal right row, in order."""
    none = np.empty(0, dtype=np.int64)
    if not len(left[0]) or not len(right[0]):
        return none, none
    own, other = packed(left, right)
    kept = np.flatnonzero(held_in(other, own)) if len(own) < len(other) else np.arange(len(other))
    order = kept[np.argsort(other[kept], kind="stable")]
    ahead = other[order]

    def met(part: slice) -> tuple[Ints, Ints, Ints]:
        begin, end = (_sought(ahead, own[part], side) for side in ("left", "right"))
        hit = np.flatnonzero(end > begin)
        return hit + part.start, begin[hit], end[hit]

    place, begin, end = (np.concatenate(each) for each in zip(*blocks.each(len(own), met), strict=True))
    number = end - begin
    nth = np.arange(int(number.sum())) - np.repeat(np.cumsum(number) - number, number)
    return np.repeat(place, number), order[np.repeat(begin, number) + nth]


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
    order = ascending(group, at)
    highest = np.maximum.accumulate(rank[order] + group[order] * len(values)) - group[order] * len(values)
    found = np.empty(len(order), dtype=np.int64)
    found[order] = values[highest]
    return found[len(known) :]


def numbers(rows: Table, *names: str) -> list[Ints]:
    """Columns of a table as integers, -1 where there is none."""
    return [ints(rows[name], -1) for name in names]
