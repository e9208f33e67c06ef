"""What customers met, for each region, each shard, and each region at each shard: what the filters of the timeline choose from. Pure.

Rates of parts add up; percentiles do not, so those of every choice are calculated here and none in the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from closeshave.judge.evidence import blocks
from closeshave.report.axis import Axis
from closeshave.report.series import MOST_BINS, Binned, Floats, Lines, bin_width_s, binned, lines

MOST_POINTS = 24_000
"""Of one curve of all parts together: it keeps the page of a run of an hour, or over many regions and shards, small."""


@dataclass(frozen=True, slots=True)
class Selection:
    """One choice; ``None`` stands for all of them."""

    region: str | None
    shard: int | None
    lines: Lines


@dataclass(frozen=True, slots=True)
class Selections:
    """Every choice that saw a request, over bins of one width. The first is the whole run."""

    bin_s: float
    starts_s: Floats
    regions: tuple[str, ...]
    shards: tuple[int, ...]
    parts: tuple[Selection, ...]


def parts(operations: pd.DataFrame, axis: Axis) -> Selections:
    """The curves of every choice of region and shard. The more choices there are, the wider the bins."""
    by = binned(operations, axis, bin_width_s(axis.span_s))
    choices = (len(by.regions) + 1) * (len(by.shards) + 1)
    wider = bin_width_s(axis.span_s, min(MOST_BINS, MOST_POINTS / choices))
    if wider != by.bin_s:
        by = binned(operations, axis, wider)
    return Selections(by.bin_s, by.starts_s, by.regions, by.shards, tuple(_parts(by)))


def _parts(by: Binned) -> Iterator[Selection]:
    regions, shards = len(by.regions), len(by.shards)
    (whole,) = lines(by, np.zeros(len(by.due), np.int8), 1)
    yield Selection(None, None, whole)
    for number, found in zip(by.shards, lines(by, by.shard, shards), strict=True):
        yield Selection(None, number, found)
    for name, found in zip(by.regions, lines(by, by.region, regions), strict=True):
        yield Selection(name, None, found)
    region, shard = by.region, by.shard
    cell = blocks.into(blocks.array(len(region), np.int32), lambda part: region[part].astype(np.int32) * max(shards, 1) + shard[part])
    both = lines(by, cell, regions * shards)
    for at, found in enumerate(both):
        if found.offered_per_s.any():
            yield Selection(by.regions[at // shards], by.shards[at % shards], found)
