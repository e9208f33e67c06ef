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
from closeshave.report.series import MOST_BINS, Binned, Floats, Lines, TimeSeries, bin_width_s, binned, lines, together

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

    @property
    def series(self) -> TimeSeries:
        """The whole run and each shard, over the same bins."""
        shards = {one.shard: one.lines for one in self.parts if one.region is None and one.shard is not None}
        return together(self.bin_s, self.starts_s, self.parts[0].lines, shards)


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
    region, shard = by.region, by.shard
    number = max(regions, 1) * max(shards, 1)
    cell = blocks.into(blocks.array(len(region), np.int32), lambda part: region[part].astype(np.int32) * max(shards, 1) + shard[part])
    each = np.arange(number)
    (whole,), of_shards, of_regions, both = lines(
        by, cell, number, [np.zeros_like(each), each % max(shards, 1), each // max(shards, 1), each]
    )
    yield Selection(None, None, whole)
    for one, found in zip(by.shards, of_shards, strict=False):
        yield Selection(None, one, found)
    for name, found in zip(by.regions, of_regions, strict=False):
        yield Selection(name, None, found)
    for at, found in enumerate(both if regions and shards else ()):
        if found.offered_per_s.any():
            yield Selection(by.regions[at // shards], by.shards[at % shards], found)
