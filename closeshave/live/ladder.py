"""Counts of requests by interval and place, at several widths of intervals: bounded, however long the run lasts. Pure but for its own arrays.

A *place* is everything, a region or a shard, by its number. Time is in whole seconds after the begin of the load.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from closeshave.live.classes import CLASSES, Floats, Integers

Counts = npt.NDArray[np.uint32]
RUNGS = ((1, 900), (8, 900), (64, 1_350), (512, 1_700))
"""Width in seconds, and how many intervals are kept: a quarter of an hour, two hours, a day, ten days."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Requests that ended, an entry each."""

    due_s: Integers
    """The second in which each was due."""
    ended_s: Integers
    bad: npt.NDArray[np.bool_]
    taken: Integers
    """The class of its response time."""
    places: tuple[Integers, ...]
    """For each sort of place (everything, regions, shards) the number of the place; -1 for none."""

    def since(self, second: int) -> Ended:
        """Those that ended in this second or later."""
        late = self.ended_s >= second
        if late.all():
            return self
        return Ended(self.due_s[late], self.ended_s[late], self.bad[late], self.taken[late], tuple(each[late] for each in self.places))


@dataclass(slots=True)
class Rung:
    """Intervals of ``width_s`` seconds, of which at least the newest ``kept`` are remembered. Arrays are by place and interval."""

    width_s: int
    kept: int
    places: int
    first: int = 0
    """The oldest interval that is remembered: it begins at ``first * width_s``."""
    count: int = 0
    """How many intervals are remembered."""
    ended: Counts = field(init=False)
    bad: Counts = field(init=False)
    due: Counts = field(init=False)
    taken: Counts = field(init=False)
    """By class, too."""
    told: Floats = field(init=False)
    """Requests of customers that were due everywhere, by the senders' own counters; NaN where nobody read them."""

    def __post_init__(self) -> None:
        self._allocate(min(64, 2 * self.kept))

    @property
    def reaches_back_s(self) -> int:
        """The first second that is remembered."""
        return self.first * self.width_s

    def add(self, requests: Ended, now_s: int) -> None:
        """Count these requests, but for those that ended too long before ``now_s`` to be remembered."""
        what = requests.since(now_s - self.kept * self.width_s)
        if not len(what.ended_s):
            return
        self._reach(int(what.ended_s.max()))
        ended, due = what.ended_s // self.width_s - self.first, what.due_s // self.width_s - self.first
        for places in what.places:
            self._count(self.ended, ended, places)
            self._count(self.bad, np.where(what.bad, ended, -1), places)
            self._count(self.due, due, places)
            self._classify(ended, places, what.taken)

    def offer(self, from_s: float, to_s: float, requests: float) -> None:
        """So many requests became due between these two instants, evenly."""
        if to_s <= max(from_s, 0):
            return
        self._reach(int(to_s))
        begin, end = max(from_s, 0.0) / self.width_s, to_s / self.width_s
        for index in range(max(int(begin), self.first), int(end) + 1):
            share = (min(end, index + 1) - max(begin, index)) / (end - begin)
            self.told[index - self.first] = np.nan_to_num(self.told[index - self.first]) + requests * share

    def _reach(self, second: int) -> None:
        """Have an interval for this second; the oldest ones are forgotten where there are too many."""
        index = second // self.width_s
        if index - self.first >= self.ended.shape[1]:
            self._make_room(index)
        self.count = max(self.count, index - self.first + 1)

    def _count(self, into: Counts, at: Integers, places: Integers) -> None:
        fits = (at >= 0) & (at < self.count) & (places >= 0)
        if fits.any():
            at, places = at[fits], places[fits]
            low, wide = int(at.min()), int(at.max() - at.min()) + 1
            found = np.bincount(places * wide + at - low, minlength=self.places * wide)
            into[:, low : low + wide] += found.reshape(self.places, wide).astype(np.uint32)

    def _classify(self, at: Integers, places: Integers, taken: Integers) -> None:
        fits = (at >= 0) & (places >= 0)
        if fits.any():
            at, places = at[fits], places[fits]
            low, wide = int(at.min()), int(at.max() - at.min()) + 1
            found = np.bincount((places * wide + at - low) * CLASSES + taken[fits], minlength=self.places * wide * CLASSES)
            self.taken[:, low : low + wide] += found.reshape(self.places, wide, CLASSES).astype(np.uint32)

    def _allocate(self, room: int) -> None:
        self.ended, self.bad, self.due = (np.zeros((self.places, room), np.uint32) for _ in range(3))
        self.taken = np.zeros((self.places, room, CLASSES), np.uint32)
        self.told = np.full(room, np.nan)

    def _make_room(self, index: int) -> None:
        """Twice the room while it may grow, at most twice what is kept; then the oldest intervals are given up, many at a time."""
        before = self.ended, self.bad, self.due, self.taken
        told, room = self.told, self.ended.shape[1]
        self._allocate(min(max(2 * room, index - self.first + 1), 2 * self.kept))
        gone = max(0, index - self.first + 1 - self.kept) if index - self.first >= self.ended.shape[1] or room == 2 * self.kept else 0
        stays = max(0, self.count - gone)
        for was, now in zip(before, (self.ended, self.bad, self.due, self.taken), strict=True):
            now[:, :stays] = was[:, gone : gone + stays]
        self.told[:stays] = told[gone : gone + stays]
        self.first, self.count = self.first + gone, stays
