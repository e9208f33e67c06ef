"""What a running load looks like now: the figures of its last seconds. Pure: what was counted and the instant come from outside.

They are for a person who watches. No verdict rests on them: they are not corrected for what other programs did.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from closeshave.traffic.live import Answers

WINDOW_S = 10.0
"""Rates, shares and percentiles are of so many seconds."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of customers, over the last :data:`WINDOW_S` seconds, or since the start where that is shorter; ``None``: nothing was answered."""

    completed_per_s: float = 0.0
    p50_ms: float | None = None
    p95_ms: float | None = None
    """Of the response time."""
    bad_share: float | None = None
    """Answers that were not the promised ones, of all."""
    bookings: int = 0
    """Acknowledged since the load began."""
    p99_ms: float | None = None
    """Of the response time."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Everywhere, by region and by shard."""

    offered_per_s: float
    """Requests that were due."""
    all: Figures
    regions: tuple[tuple[str, Figures], ...] = ()
    """By name, in the order of the topology."""
    shards: tuple[tuple[int, Figures], ...] = ()


@dataclass(frozen=True, slots=True)
class _Look:
    at_s: float
    offered: int
    """Since the load began."""
    answers: Sequence[Answers]


@dataclass(slots=True)
class Gauge:
    """Remembers the looks at the records of one load. Instants are seconds on any one clock."""

    started_s: float
    regions: tuple[str, ...]
    shards: tuple[int, ...] = ()
    _looks: deque[_Look] = field(default_factory=deque)
    _before: tuple[float, int] = field(init=False)
    """When the oldest look that counts began, and what had been offered then."""
    _bookings: defaultdict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    """By region and shard."""

    def __post_init__(self) -> None:
        self._before = (self.started_s, 0)

    def skip(self, until_s: float, offered: int, answers: Sequence[Answers]) -> None:
        """Take over what was before ``until_s``, when ``offered`` requests had been offered: for whoever begins to look late."""
        self._before = (until_s, offered)
        self._book(answers)

    def look(self, at_s: float, offered: int, answers: Sequence[Answers]) -> Reading:
        """Take one look over. ``offered`` counts requests since the load began, ``answers`` are those since the last look."""
        self._looks.append(_Look(at_s, offered, answers))
        self._book(answers)
        while self._looks[0].at_s <= at_s - WINDOW_S:
            gone = self._looks.popleft()
            self._before = (gone.at_s, gone.offered)
        since_s, offered_before = self._before
        seconds = at_s - since_s
        everywhere = [one for look in self._looks for one in look.answers]
        regions, shards = Counter[str](), Counter[int]()
        for (region, shard), bookings in self._bookings.items():
            regions[region] += bookings
            shards[shard] += bookings

        def of(where: Sequence[Answers], bookings: int) -> Figures:
            return _figures(where, seconds, bookings)

        return Reading(
            max(0, offered - offered_before) / seconds if seconds > 0 else 0.0,
            of(everywhere, sum(regions.values())),
            tuple((name, of([one for one in everywhere if one.region == name], regions[name])) for name in self.regions),
            tuple((number, of([one for one in everywhere if one.shard == number], shards[number])) for number in self.shards),
        )

    def _book(self, answers: Sequence[Answers]) -> None:
        for one in answers:
            self._bookings[one.region, one.shard] += one.bookings


def _figures(answers: Sequence[Answers], seconds: float, bookings: int) -> Figures:
    response_ms = np.concatenate([one.response_ms for one in answers]) if answers else np.empty(0)
    count = len(response_ms)
    if not count or seconds <= 0:
        return Figures(bookings=bookings)
    p50_ms, p95_ms, p99_ms = (float(value) for value in np.percentile(response_ms, (50, 95, 99)))
    return Figures(count / seconds, p50_ms, p95_ms, sum(one.bad for one in answers) / count, bookings, p99_ms)
