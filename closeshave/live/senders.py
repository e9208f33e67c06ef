"""The health of the load generator: what its workers count, how late they send, and when each was last heard of."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from closeshave.files import record_of
from closeshave.history import Source
from closeshave.live.classes import Floats
from closeshave.live.picture import SenderShown
from closeshave.traffic.live import RowBatch
from closeshave.traffic.runfiles import RECORDS
from closeshave.trial.figures import WINDOW_S

LIMITED = 0.1
"""Of the tightest latency bound in force: a p99 of lateness above it is what judges call generator-limited."""


@dataclass(frozen=True, slots=True)
class SenderCounters:
    """What one worker counted when it last wrote."""

    source: str
    worker: str
    at_s: float
    """When it wrote, on the monotonic clock."""
    intended: int
    sent: int
    recorded: int


@dataclass(frozen=True, slots=True)
class DueSpan:
    """So many requests of customers became due between two instants of the monotonic clock."""

    from_s: float
    to_s: float
    requests: int


@dataclass(slots=True)
class SenderHealth:
    """The workers of one load."""

    run: Path
    _counters: dict[str, SenderCounters] = field(default_factory=dict)
    _late: deque[tuple[float, str, Floats]] = field(default_factory=deque)
    """When each look was, of which source, and the lateness of the requests that had ended, in milliseconds."""

    def read(self, wall_less_monotonic_s: float) -> list[DueSpan]:
        """Read all counters; what became due since the last call. A worker that is met for the first time has nothing due: when, nobody saw.

        Raises :class:`OSError` when counters cannot be read.
        """
        found = []
        for now in _counters(self.run, wall_less_monotonic_s):
            before = self._counters.get(now.worker)
            self._counters[now.worker] = now
            if before is not None and now.source == Source.CUSTOMERS and now.intended > before.intended:
                found.append(DueSpan(before.at_s, now.at_s, now.intended - before.intended))
        return found

    @property
    def intended(self) -> int:
        """Requests of customers that were due so far."""
        return sum(one.intended for one in self._counters.values() if one.source == Source.CUSTOMERS)

    @property
    def in_flight(self) -> int:
        """Requests of customers that were due and have not ended."""
        return sum(max(0, one.intended - one.recorded) for one in self._counters.values() if one.source == Source.CUSTOMERS)

    def look(self, now_s: float, batches: Sequence[RowBatch]) -> None:
        """Take over requests that ended since the last look, at an instant of the monotonic clock."""
        for batch in batches:
            if len(batch.rows):
                self._late.append((now_s, batch.source, np.maximum(batch.rows["started_ns"] - batch.rows["intended_ns"], 0) / 1e6))
        while self._late and self._late[0][0] <= now_s - WINDOW_S:
            self._late.popleft()

    def shown(self, now_s: float, latency_bound_s: float | None) -> tuple[SenderShown, ...]:
        """Each sort of sender. ``latency_bound_s`` is the tightest in force now."""
        by_source: Mapping[str, list[SenderCounters]] = defaultdict(list)
        for one in self._counters.values():
            by_source[one.source].append(one)
        return tuple(self._shown(source, several, now_s, latency_bound_s) for source, several in sorted(by_source.items(), reverse=True))

    def _shown(self, source: str, workers: Sequence[SenderCounters], now_s: float, latency_bound_s: float | None) -> SenderShown:
        late = [late_ms for _, whose, late_ms in self._late if whose == source]
        p50_ms, p99_ms = (float(one) for one in np.percentile(np.concatenate(late), (50, 99))) if late else (None, None)
        return SenderShown(
            source,
            len(workers),
            sum(one.intended for one in workers),
            sum(one.sent for one in workers),
            sum(one.recorded for one in workers),
            max(now_s - one.at_s for one in workers),
            p50_ms,
            p99_ms,
            None if latency_bound_s is None else latency_bound_s * LIMITED * 1000,
        )


def _counters(run: Path, wall_less_monotonic_s: float) -> Iterator[SenderCounters]:
    for path in sorted((run / RECORDS).glob("*.counters.json")):
        with path.open("rb") as file:
            written_s = os.fstat(file.fileno()).st_mtime_ns / 1e9 - wall_less_monotonic_s
            told = file.read()
        try:
            said = record_of(told)
            yield SenderCounters(said["source"], said["worker"], written_s, int(said["intended"]), int(said["sent"]), int(said["recorded"]))
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise OSError(f"{path.name} cannot be read: {type(error).__name__}: {error}") from None
