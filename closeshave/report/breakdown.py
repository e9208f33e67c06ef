"""Customers' requests by operation, region and shard, over the judged phases and over each fault: what the page's table sorts and filters. Pure.

Counts add up and percentiles do not, so each sum over regions, shards or operations is a row of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import pandas as pd

from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.columns import Flags
from closeshave.judge.verdict import Exposure
from closeshave.report.axis import Axis
from closeshave.report.series import Floats, Integers, Whole, customers, indexed, percentiles_of_sums, placed, response_us, shard_numbers

MOST_ROWS = 12_000
"""Of all windows together: with very many operations, regions and shards the later windows are left out, so that the page stays small."""


@dataclass(frozen=True, slots=True)
class BreakdownRow:
    """Requests of one operation in one region at one shard; ``None`` stands for all. Times are responses, from when a request was due."""

    operation: str | None
    region: str | None
    shard: int | None
    count: int
    not_good: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    longest_ms: float
    missed_share_at_most: float | None
    """What so many requests may have missed: :attr:`Exposure.missed_share_at_most`; ``None`` where there was something to see."""


@dataclass(frozen=True, slots=True)
class BreakdownWindow:
    """The rows of the requests that were due in some stretches of the run."""

    name: str
    fault: str
    """The fault that was in effect; empty for phases."""
    rows: tuple[BreakdownRow, ...]


def breakdown(operations: pd.DataFrame, axis: Axis, most: int = MOST_ROWS) -> tuple[BreakdownWindow, ...]:
    """The judged phases first, then calm, then each fault; a window without a request is left out."""
    rows = customers(operations)
    if not rows.any():
        return ()
    cells, due_ns = _cells(operations, rows), operations["intended_ns"].to_numpy(np.int64)
    found: list[BreakdownWindow] = []
    room = most
    for name, fault, spans in _windows(axis):
        inside = blocks.chosen(rows, partial(_inside, due_ns, axis.zero_ns, spans), np.bool_)
        some = tuple(_rows(cells, inside)) if inside.any() else ()
        if some and (len(some) <= room or not found):
            found.append(BreakdownWindow(name, fault, some))
            room -= len(some)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Cells:
    """Customers' requests by operation, region and shard: arrays have one entry a request."""

    operations: tuple[str, ...]
    regions: tuple[str, ...]
    shards: tuple[int, ...]
    cell: Whole
    """The operation first, then the region, then the shard."""
    bad: Flags
    taken_us: Whole


def _windows(axis: Axis) -> Iterator[tuple[str, str, Sequence[tuple[float, float]]]]:
    judged = [one for one in axis.phases if one.role != "warm-up"]
    calm = [one for one in judged if one.role == "calm"]
    if not judged:
        yield "the whole run", "", [(0.0, axis.span_s)]
    elif len(calm) < len(judged):
        yield "calm and faults", "", [(one.start_s, one.end_s) for one in judged]
    if calm:
        yield "calm", "", [(one.start_s, one.end_s) for one in calm]
    for band in axis.bands:
        yield band.fault, band.fault, [(band.start_s, max(band.end_s, band.recovered_s or 0.0))]


def _cells(whole: pd.DataFrame, rows: Flags) -> Cells:
    operations, operation = indexed(whole["kind"], rows)
    regions, region = indexed(whole["region"], rows)
    numbers, good = shard_numbers(whole, rows), whole["good"].to_numpy(np.bool_)
    most = max(blocks.each(len(numbers), lambda part: int(numbers[part].max())))
    shards = np.flatnonzero(blocks.counts(len(numbers), lambda part: numbers[part], most + 1))
    shard = placed(numbers, shards)
    wide, tall = len(regions), len(shards)
    cell = blocks.into(
        blocks.array(len(numbers), np.int32), lambda part: (operation[part].astype(np.int32) * wide + region[part]) * tall + shard[part]
    )
    bad = blocks.chosen(rows, lambda part: ~good[part], np.bool_)
    return Cells(operations, regions, tuple(int(one) for one in shards), cell, bad, response_us(whole, rows))


def _inside(due_ns: Integers, zero_ns: int, spans: Sequence[tuple[float, float]], part: slice) -> Flags:
    due_s: Floats = (due_ns[part] - zero_ns) / 1e9
    found = np.zeros(len(due_s), np.bool_)
    for start_s, end_s in spans:
        found |= (due_s >= start_s) & (due_s < end_s)
    return found


def _rows(cells: Cells, inside: Flags) -> Iterator[BreakdownRow]:
    """A row for each combination that saw a request, and for each sum over one, two or all three."""
    cell, bad, taken_us = (
        blocks.chosen(inside, lambda part, every=every: every[part], every.dtype)  # type: ignore[misc]  # mypy cannot infer the default's type
        for every in (cells.cell, cells.bad, cells.taken_us)
    )
    wide, tall = len(cells.regions), len(cells.shards)
    number = len(cells.operations) * wide * tall
    every, each_region, each_shard = np.unravel_index(np.arange(number), (len(cells.operations), wide, tall))
    choices = list(product((True, False), repeat=3))
    sums = [
        (every * by_operation * (wide if by_region else 1) + each_region * by_region) * (tall if by_shard else 1) + each_shard * by_shard
        for by_operation, by_region, by_shard in choices
    ]
    both = blocks.counts(len(cell), lambda part: 2 * cell[part].astype(np.int64) + bad[part], 2 * number).reshape(number, 2)
    times = percentiles_of_sums(cell, taken_us, number, sums, (0.5, 0.95, 0.99, 1.0))
    for (by_operation, by_region, by_shard), of, found in zip(choices, sums, times, strict=True):
        counts = np.zeros((found.shape[1], 2), dtype=np.int64)
        np.add.at(counts, of, both)
        low, across = (tall if by_shard else 1), (wide if by_region else 1)
        for place, figures in _figures(counts, found / 1_000):
            yield BreakdownRow(
                cells.operations[place // (across * low)] if by_operation else None,
                cells.regions[place // low % across] if by_region else None,
                cells.shards[place % low] if by_shard else None,
                *figures,
            )


def _figures(both: Integers, times_ms: Floats) -> Iterator[tuple[int, tuple[int, int, float, float, float, float, float | None]]]:
    """Of each group that saw a request: its place and its figures. ``both`` says how many were good and how many were not."""
    counts, wrong = both.sum(axis=1), both[:, 1]
    for place in np.flatnonzero(counts).tolist():
        n, not_good = int(counts[place]), int(wrong[place])
        p50, p95, p99, longest = (float(one) for one in times_ms[:, place])
        missed = None if not_good else Exposure(n, "requests").missed_share_at_most
        yield place, (n, not_good, p50, p95, p99, longest, missed)
