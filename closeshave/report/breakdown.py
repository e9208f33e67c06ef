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
from closeshave.report.series import Floats, Integers, Whole, customers, indexed, percentiles, placed, response_us

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
    rows, due_ns = customers(operations), operations["intended_ns"].to_numpy(np.int64)
    found: list[BreakdownWindow] = []
    room = most
    for name, fault, spans in _windows(axis):
        inside = blocks.mask(len(rows), partial(_inside, rows, due_ns, axis.zero_ns, spans))
        some = tuple(_rows(operations, inside)) if inside.any() else ()
        if some and (len(some) <= room or not found):
            found.append(BreakdownWindow(name, fault, some))
            room -= len(some)
    return tuple(found)


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


def _inside(rows: Flags, due_ns: Integers, zero_ns: int, spans: Sequence[tuple[float, float]], part: slice) -> Flags:
    due_s: Floats = (due_ns[part] - zero_ns) / 1e9
    found = np.zeros(len(due_s), np.bool_)
    for start_s, end_s in spans:
        found |= (due_s >= start_s) & (due_s < end_s)
    return found & rows[part]


def _rows(whole: pd.DataFrame, rows: Flags) -> Iterator[BreakdownRow]:
    """A row for each combination that saw a request, and for each sum over one, two or all three."""
    operations, operation = indexed(whole["kind"], rows)
    regions, region = indexed(whole["region"], rows)
    numbers = whole["shard"].to_numpy()[rows]
    shards = np.flatnonzero(np.bincount(numbers))
    shard = placed(numbers, shards)
    bad, taken_us = ~whole["good"].to_numpy(np.bool_)[rows], response_us(whole, rows)
    for by_operation, by_region, by_shard in product((True, False), repeat=3):
        wide, tall = len(regions) if by_region else 1, len(shards) if by_shard else 1
        at = blocks.into(
            np.empty(len(bad), np.int32),
            lambda part: (
                (operation[part].astype(np.int32) * by_operation * wide + region[part] * by_region) * tall + shard[part] * by_shard  # noqa: B023 - used at once
            ),
        )
        number = (len(operations) if by_operation else 1) * wide * tall
        for place, figures in _figures(at, bad, taken_us, number):
            yield BreakdownRow(
                operations[place // (wide * tall)] if by_operation else None,
                regions[place // tall % wide] if by_region else None,
                int(shards[place % tall]) if by_shard else None,
                *figures,
            )


def _figures(
    group: Whole, bad: Flags, taken_us: Whole, number: int
) -> Iterator[tuple[int, tuple[int, int, float, float, float, float, float | None]]]:
    both = blocks.counts(len(group), lambda part: 2 * group[part] + bad[part], 2 * number).reshape(number, 2)
    counts, wrong = both.sum(axis=1), both[:, 1]
    times_ms = percentiles(group, taken_us, number, (0.5, 0.95, 0.99, 1.0)) / 1_000
    for place in np.flatnonzero(counts).tolist():
        n, not_good = int(counts[place]), int(wrong[place])
        p50, p95, p99, longest = (float(one) for one in times_ms[:, place])
        missed = None if not_good else Exposure(n, "requests").missed_share_at_most
        yield place, (n, not_good, p50, p95, p99, longest, missed)
