"""Locust's statistics from the records, in batches: the same numbers that ``request.fire`` would make, but exact to the millisecond."""

from __future__ import annotations

import time

import numpy as np
from locust.stats import RequestStats, StatsEntry, StatsError

from closeshave.traffic.engine.records import Rows, Texts
from closeshave.traffic.engine.rows import METHODS

_NS_PER_MS = 1e6


class EngineStats:
    """Adds rows to a :class:`locust.stats.RequestStats`. Response times count from the intended time, as a customer counts."""

    def __init__(self, stats: RequestStats) -> None:
        self._stats = stats

    def observe(self, rows: Rows, texts: Texts) -> None:
        """Count ``rows``, each once: to its operation's entry and to the total."""
        offset_s = time.time() - time.monotonic()
        operations = rows["kind"].astype(np.int32) * len(METHODS) + rows["method"]
        for operation in np.unique(operations).tolist():
            kind, method = divmod(operation, len(METHODS))
            mine = rows[operations == operation]
            entry = self._stats.get(texts.text(kind) or "", METHODS[method])
            self._add(entry, mine, offset_s)
            self._add(self._stats.total, mine, offset_s)
            self._count_errors(entry, mine, texts, offset_s)

    def _add(self, entry: StatsEntry, rows: Rows, offset_s: float) -> None:
        response_ms = (rows["ended_ns"] - rows["intended_ns"]) / _NS_PER_MS
        ended_s = (rows["ended_ns"] / 1e9 + offset_s).astype(np.int64)
        entry.num_requests += len(rows)
        # Locust declares these times as integers and fills them with floats, as its own clients do.
        entry.total_response_time += float(response_ms.sum())  # type: ignore[assignment]
        least = float(response_ms.min())
        entry.min_response_time = least if entry.min_response_time is None else min(least, entry.min_response_time)  # type: ignore[assignment]
        entry.max_response_time = max(float(response_ms.max()), entry.max_response_time)  # type: ignore[assignment]
        entry.total_content_length += int(rows["bytes"].sum())
        entry.last_request_timestamp = max(float(rows["ended_ns"].max() / 1e9 + offset_s), entry.last_request_timestamp or 0.0)
        _count(entry.response_times, np.rint(response_ms).astype(np.int64))
        _count(entry.num_reqs_per_sec, ended_s)
        bad = rows["good"] == 0
        if bad.any():
            entry.num_failures += int(bad.sum())
            _count(entry.num_fail_per_sec, ended_s[bad])
        if entry.use_response_times_cache:
            # What Locust itself does once a second, for its "current" percentiles; there is no public way to ask for it.
            entry._cache_response_times(int(time.time()))  # noqa: SLF001

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


def _count(counts: dict[int, int], values: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    found, times = np.unique(values, return_counts=True)
    for value, count in zip(found.tolist(), times.tolist(), strict=True):
        counts[value] += count
