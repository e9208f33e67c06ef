"""Exact percentiles of response times by region and operation, from all records: without sampling or rounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from closeshave.loadgen.convert import WorkerRecords, open_all

QUANTILES = (0.5, 0.95, 0.99, 0.999)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Response times (intended to end) of one operation in one region."""

    region: str
    kind: str
    count: int
    response_ns: tuple[int, ...]
    """One for each requested quantile: the smallest recorded time that at least this share does not exceed (nearest rank)."""


def percentiles(directory: Path, quantiles: Sequence[float] = QUANTILES) -> list[Percentiles]:
    """Percentiles of all records below ``directory``, by region and operation in the order of their names. Needs 12 bytes of memory for each record."""
    workers = open_all(directory)
    total = sum(len(worker.rows) for worker in workers)
    response_ns, groups = np.empty(total, np.int64), np.empty(total, np.uint16)
    names: dict[tuple[str, str], int] = {}
    filled = 0
    for worker in workers:
        codes = _Groups(worker, names)
        for _, rows in worker.blocks():
            part = slice(filled, filled + len(rows))
            np.subtract(rows["ended_ns"], rows["intended_ns"], out=response_ns[part])
            groups[part] = codes.of(rows)
            filled += len(rows)
    # Sixteen-bit keys are sorted by radix, in linear time.
    order = np.argsort(groups, kind="stable").astype(np.uint32)
    ends = np.cumsum(np.bincount(groups, minlength=len(names))) if total else np.zeros(len(names), np.int64)
    found = []
    for (region, kind), group in sorted(names.items()):
        own = response_ns[order[ends[group - 1] if group else 0 : ends[group]]]
        ranks = [max(0, int(np.ceil(quantile * len(own))) - 1) for quantile in quantiles]
        own.partition(sorted(set(ranks)))
        found.append(Percentiles(region, kind, len(own), tuple(int(own[rank]) for rank in ranks)))
    return found


class _Groups:
    """Maps one worker's codes of region and operation to the run's groups."""

    def __init__(self, worker: WorkerRecords, names: dict[tuple[str, str], int]) -> None:
        self._worker, self._names = worker, names
        self._pairs, self._groups = np.empty(0, np.uint32), np.empty(0, np.uint16)

    def of(self, rows: np.ndarray[tuple[int], np.dtype[np.void]]) -> np.ndarray[tuple[int], np.dtype[np.uint16]]:
        """The group of each row. Raises :class:`OverflowError` beyond 65,536 groups."""
        pairs = rows["region"].astype(np.uint32) << 16 | rows["kind"]
        # Almost always all pairs are known, and looking them up in a short sorted list is much cheaper than finding them again.
        places = np.minimum(np.searchsorted(self._pairs, pairs), max(0, len(self._pairs) - 1))
        if not len(self._pairs) or not np.array_equal(self._pairs[places], pairs):
            self._pairs = np.union1d(self._pairs, pairs)
            self._groups = np.array([self._group(pair) for pair in self._pairs.tolist()], np.uint16)
            places = np.searchsorted(self._pairs, pairs)
        found: np.ndarray[tuple[int], np.dtype[np.uint16]] = self._groups[places]
        return found

    def _group(self, pair: int) -> int:
        return self._names.setdefault((self._text(pair >> 16), self._text(pair & 0xFFFF)), len(self._names))

    def _text(self, code: int) -> str:
        return self._worker.texts[code - 1] if code else ""
