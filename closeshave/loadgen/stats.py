"""Locust's statistics from the records, in batches: the same numbers as from ``request.fire``, but exact to the millisecond."""

from __future__ import annotations

import time

import numpy as np
from locust.stats import RequestStats, StatsEntry, StatsError

from closeshave.loadgen.records import Rows, Texts
from closeshave.loadgen.rows import METHODS

_NS_PER_MS = 1e6


class EngineStats:
    """Adds rows to a :class:`locust.stats.RequestStats`. Response times count from the intended time."""

    def __init__(self, stats: RequestStats) -> None:
        self._stats = stats

    def observe(self, rows: Rows, texts: Texts) -> None:
        """Add ``rows`` to the entry of their operation and to the total."""
        offset_s = time.time() - time.monotonic()
        operations = rows["kind"].astype(np.int32) * len(METHODS) + rows["method"]
        for operation in np.unique(operations).tolist():
            kind, method = divmod(operation, len(METHODS))
            mine = rows[operations == operation]
            entry = self._stats.get(texts.text(kind) or "", METHODS[method])
            self._add((entry, self._stats.total), mine, offset_s)
            self._count_errors(entry, mine, texts, offset_s)

    def _add(self, entries: tuple[StatsEntry, ...], rows: Rows, offset_s: float) -> None:
        response_ms = (rows["ended_ns"] - rows["intended_ns"]) / _NS_PER_MS
        ended_s = (rows["ended_ns"] / 1e9 + offset_s).astype(np.int64)
        bad = rows["good"] == 0
        total_ms, least_ms, most_ms = float(response_ms.sum()), float(response_ms.min()), float(response_ms.max())
        times, seconds, failures = _counts(np.rint(response_ms).astype(np.int64)), _counts(ended_s), _counts(ended_s[bad])
        size, last_s = int(rows["bytes"].sum()), float(rows["ended_ns"].max() / 1e9 + offset_s)
        for entry in entries:
            # Locust declares these times as integers and fills them with floats, as its own clients do.
            entry.total_response_time += total_ms  # type: ignore[assignment]
            known_ms = entry.min_response_time
            entry.min_response_time = least_ms if known_ms is None else min(least_ms, known_ms)  # type: ignore[assignment]
            entry.max_response_time = max(most_ms, entry.max_response_time)  # type: ignore[assignment]
            entry.num_requests += len(rows)
            entry.num_failures += int(bad.sum())
            entry.total_content_length += size
            entry.last_request_timestamp = max(last_s, entry.last_request_timestamp or 0.0)
            for counts, found in ((entry.response_times, times), (entry.num_reqs_per_sec, seconds), (entry.num_fail_per_sec, failures)):
                for value, count in found:
                    counts[value] += count
            self._remember(entry)

    def _remember(self, entry: StatsEntry) -> None:
        """Do what Locust itself does once a second for its "current" percentiles; there is no public function for it."""
        second = int(time.time())
        if entry.use_response_times_cache and second not in (entry.response_times_cache or ()):
            entry._cache_response_times(second)  # noqa: SLF001

    def _count_errors(self, entry: StatsEntry, rows: Rows, texts: Texts, offset_s: float) -> None:
        bad = rows[rows["good"] == 0]
        for code in np.unique(bad["error"]).tolist():
            mine = bad[bad["error"] == code]
            message = texts.text(code) or "not good"
            key = StatsError.create_key(entry.method, entry.name, message)
            error = self._stats.errors.setdefault(key, StatsError(entry.method, entry.name, message))
            error.occurrences += len(mine)
            error.first_seen = error.first_seen or float(mine["ended_ns"].min() / 1e9 + offset_s)
            error.last_seen = float(mine["ended_ns"].max() / 1e9 + offset_s)


def _counts(values: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[tuple[int, int]]:
    found, times = np.unique(values, return_counts=True)
    return list(zip(found.tolist(), times.tolist(), strict=True))
