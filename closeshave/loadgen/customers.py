"""A million customers with long think times: each is a row in arrays with the instant of its next step, and has no greenlet while it thinks.

Rows wait in buckets, one for each tick of time. When a tick comes, its rows are sorted by their exact instants: a few thousand at a time, which takes
numpy a millisecond. The other rows need not be sorted.
"""

from __future__ import annotations

import heapq
from array import array

import numpy as np

from closeshave.loadgen.loop import NEVER_NS

_TICK_NS = 50_000_000
_STAGES = 2
"""Order of the Erlang distribution of think times."""


class Customers:
    """Customers 0 … ``count`` − 1 with their state and the instant at which each acts next. An :class:`~.scheduler.Agenda`."""

    def __init__(self, count: int, start_ns: int, think_mean_s: float, rng: np.random.Generator, until_ns: int = NEVER_NS) -> None:
        """The start is stationary: the rest of each think time at the start is drawn as at a random instant.

        Think times are Erlang-distributed of order two: very short ones and ones of ten times the mean are rare. ``rng`` also draws all later ones,
        in blocks. A customer who would be due after ``until_ns`` does not act any more. Raises :class:`ValueError` unless ``count`` and
        ``think_mean_s`` are positive.
        """
        if count < 1 or think_mean_s <= 0:
            raise ValueError(f"{count} customers who think {think_mean_s} s")
        self.state = bytearray(count)
        """The state of each customer: a number that the journey defines."""
        self._stage_ns, self._rng = think_mean_s / _STAGES * 1e9, rng
        self._thinks: list[int] = []
        self._until_ns = until_ns
        self._due = array("q", bytes(8 * count))
        self._buckets: dict[int, array[int]] = {}
        self._late: list[tuple[int, int]] = []
        """Customers due within the current tick."""
        self._rows: list[int] = []
        self._dues: list[int] = []
        self._at = 0
        self._tick = start_ns // _TICK_NS - 1
        self._fill(start_ns)
        self.next_ns = self._next()

    def __len__(self) -> int:
        return len(self._due)

    def take(self) -> tuple[int, int]:
        """The next due customer: when, and which."""
        if self._late and self._late[0][0] == self.next_ns:
            item = heapq.heappop(self._late)
        else:
            item = self._dues[self._at], self._rows[self._at]
            self._at += 1
        self.next_ns = self._next()
        return item

    def think(self, customer: int, from_ns: int) -> None:
        """Let ``customer`` think from ``from_ns`` on, for a time drawn from the distribution."""
        if not self._thinks:
            self._thinks = self._rng.gamma(_STAGES, self._stage_ns, 4096).astype(np.int64).tolist()
        self.put(customer, from_ns + self._thinks.pop())

    def put(self, customer: int, due_ns: int) -> None:
        """Let ``customer`` act at ``due_ns``."""
        if due_ns > self._until_ns:
            return
        tick = due_ns // _TICK_NS
        if tick <= self._tick:
            heapq.heappush(self._late, (due_ns, customer))
            self.next_ns = min(due_ns, self.next_ns)
            return
        self._due[customer] = due_ns
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = array("I")
        bucket.append(customer)
        if self.next_ns == NEVER_NS:
            self.next_ns = self._next()

    def overdue(self, now_ns: int) -> int:
        """How many customers are due and not yet taken."""
        waiting = sum(due <= now_ns for due in self._dues[self._at :]) + sum(due <= now_ns for due, _ in self._late)
        dues = np.frombuffer(self._due, np.int64)
        return waiting + sum(
            int((dues[np.frombuffer(rows, np.uint32)] <= now_ns).sum())
            for tick, rows in self._buckets.items()
            if tick <= now_ns // _TICK_NS
        )

    def _fill(self, start_ns: int) -> None:
        due = np.frombuffer(self._due, np.int64)
        # Seen at a random instant, each of the equal stages of an Erlang time is equally likely to be the one under way, and has no memory.
        stages_left = self._rng.integers(1, _STAGES + 1, len(due))
        due[:] = start_ns + self._rng.gamma(stages_left, self._stage_ns).astype(np.int64)
        ticks = due // _TICK_NS
        order = np.argsort(ticks, kind="stable").astype(np.uint32)
        found, starts = np.unique(ticks[order], return_index=True)
        for tick, rows in zip(found.tolist(), np.split(order, starts[1:]), strict=True):
            self._buckets[tick] = array("I", rows.tobytes())

    def _next(self) -> int:
        """When the next customer is due; opens the next tick's bucket when the current one is done."""
        while self._at >= len(self._rows) and not self._late and self._buckets:
            self._open_next()
        own = self._dues[self._at] if self._at < len(self._rows) else NEVER_NS
        soonest = min(own, self._late[0][0]) if self._late else own
        return soonest if soonest <= self._until_ns else NEVER_NS

    def _open_next(self) -> None:
        tick = self._tick + 1
        if tick not in self._buckets:
            tick = min(self._buckets)
        self._tick = tick
        rows = np.frombuffer(self._buckets.pop(tick), np.uint32)
        due = np.frombuffer(self._due, np.int64)[rows]
        order = np.argsort(due, kind="stable")
        self._rows, self._dues, self._at = rows[order].tolist(), due[order].tolist(), 0


class Tokens:
    """Texts of a million customers, such as bearer tokens, in one block of bytes, without an object for each customer."""

    def __init__(self, tokens: bytes, starts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
        """``starts`` has one more entry than there are tokens: where each starts, and the end of the last."""
        self._tokens, self._starts = tokens, array("q", starts.astype(np.int64).tobytes())

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, customer: int) -> str:
        return self._tokens[self._starts[customer] : self._starts[customer + 1]].decode("latin-1")
