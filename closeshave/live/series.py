"""What the page draws over time: customers' requests by second and place, added up as they come. No request is remembered.

A request counts where it *ended*, because a page must not change what it has shown; a report counts it where it was due. What was offered comes from
the senders' own counters: requests that have not ended are in no record yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from closeshave.history import Source
from closeshave.live import classes
from closeshave.live.classes import Floats, Integers, percentiles_ms
from closeshave.live.ladder import RUNGS, Ended, Rung
from closeshave.loadgen.records import Rows
from closeshave.traffic.live import RowBatch

SHARES = (0.5, 0.95, 0.99)
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class PlaceCurves:
    """One place, an entry an interval. Rates are a second; a percentile of nothing is NaN."""

    due_per_s: Floats
    """Of the requests that have ended."""
    completed_per_s: Floats
    """Answers, good or not."""
    bad_per_s: Floats
    p50_ms: Floats
    p95_ms: Floats
    p99_ms: Floats


@dataclass(frozen=True, slots=True)
class IntervalStretch:
    """The intervals of one width from one of them on."""

    width_s: int
    first: int
    """The oldest interval that is remembered."""
    begins: int
    """The first interval that is told here."""
    offered_per_s: Floats
    """Everywhere; NaN: not known."""
    places: tuple[PlaceCurves, ...]


class LoadSeries:
    """Everything that customers of one load got, from its begin at ``zero_ns`` on."""

    def __init__(self, zero_ns: int, regions: Sequence[str], shards: Sequence[int]) -> None:
        self.zero_ns = zero_ns
        self.regions, self.shards = tuple(regions), tuple(shards)
        self.counted = 0
        """Requests so far."""
        self.newest_s = 0
        """The second of the newest one."""
        places = 1 + len(self.regions) + len(self.shards)
        self._rungs = tuple(Rung(width_s, kept, places) for width_s, kept in RUNGS)

    def add(self, batches: Sequence[RowBatch], now_s: float) -> None:
        """Count what customers' senders recorded since the last call; ``now_s`` are seconds after the begin of the load."""
        for batch in batches:
            if batch.source == Source.CUSTOMERS and len(batch.rows):
                ended = self._ended(batch)
                self.counted += len(batch.rows)
                self.newest_s = max(self.newest_s, int(ended.ended_s.max()))
                for rung in self._rungs:
                    rung.add(ended, int(now_s))

    def offer(self, from_s: float, to_s: float, requests: float) -> None:
        """So many requests became due between these instants, by the senders' counters."""
        for rung in self._rungs:
            rung.offer(from_s, to_s, requests)

    def width_s(self, *, whole: bool) -> int:
        """The finest width that there is for the whole run, or for the last quarter of an hour."""
        return next((rung.width_s for rung in self._rungs if not whole or rung.first == 0), self._rungs[-1].width_s)

    def stretch(self, width_s: int, begins: int, now_s: float) -> IntervalStretch:
        """The intervals of this width from number ``begins`` on, until now. Raises :class:`KeyError` for a width that there is not."""
        rung = {one.width_s: one for one in self._rungs}[width_s]
        begins = min(max(begins, rung.first), rung.first + rung.count)
        cut = slice(begins - rung.first, rung.count)
        seconds = _seconds(width_s, begins, rung.first + rung.count, now_s)
        percentiles = percentiles_ms(rung.taken[:, cut], SHARES)
        told = rung.told[cut] / seconds
        # Before anybody read the counters: what has ended since tells when it was due.
        offered = np.where(np.isnan(told), rung.due[0, cut] / seconds, told)
        return IntervalStretch(
            width_s,
            rung.first,
            begins,
            offered,
            tuple(
                PlaceCurves(
                    rung.due[at, cut] / seconds,
                    rung.ended[at, cut] / seconds,
                    rung.bad[at, cut] / seconds,
                    *(percentiles[at, :, share] for share in range(len(SHARES))),
                )
                for at in range(rung.places)
            ),
        )

    def _ended(self, batch: RowBatch) -> Ended:
        rows = batch.rows
        seconds = ((rows[name] - self.zero_ns) // 1_000_000_000 for name in ("intended_ns", "ended_ns"))
        due_s, ended_s = seconds
        return Ended(
            due_s, ended_s, rows["good"] == 0, classes.of(rows["ended_ns"] - rows["intended_ns"]), tuple(self._places(batch.texts, rows))
        )

    def _places(self, texts: Sequence[str], rows: Rows) -> Iterator[Integers]:
        yield np.zeros(len(rows), np.int64)
        known = {name: at for at, name in enumerate(self.regions, start=1)}
        yield np.array([UNKNOWN, *(known.get(text, UNKNOWN) for text in texts)])[np.minimum(rows["region"], len(texts))]
        shards = rows["shard"].astype(np.int64)
        found = np.full(len(rows), UNKNOWN, np.int64)
        for at, shard in enumerate(self.shards, start=1 + len(self.regions)):
            found[shards == shard] = at
        yield found


def _seconds(width_s: int, begins: int, ends: int, now_s: float) -> Floats:
    """How long each interval has lasted; the newest one is not over."""
    seconds = np.full(max(0, ends - begins), float(width_s))
    if len(seconds):
        seconds[-1] = min(max(now_s - (ends - 1) * width_s, 0.5), width_s)
    return seconds
