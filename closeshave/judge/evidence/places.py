"""Where the operation of an ID is, without a table of all IDs: those of each sender count up by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.columns import Ints

_RUN = 16
"""Runs of IDs that are shorter than this on average are not worth to be looked at as runs."""


@dataclass(frozen=True, slots=True)
class Places:
    """Runs of operations whose IDs count up by one, in ascending order of IDs."""

    firsts: Ints
    """The first ID of each run."""
    begins: Ints
    """The position of the first operation of each run."""
    sizes: Ints
    repeated: int
    """How many operations have the ID of an earlier one."""

    @classmethod
    def of(cls, ids: Ints) -> Places:
        """The runs of these IDs."""

        def breaks(part: slice) -> Ints:
            low = max(1, part.start)
            found: Ints = low + np.flatnonzero(ids[low : part.stop] - ids[low - 1 : part.stop - 1] != 1)
            return found

        begins = np.concatenate([np.zeros(min(1, len(ids)), dtype=np.int64), *blocks.each(len(ids), breaks)])
        order = np.argsort(ids[begins], kind="stable")
        firsts, sizes = ids[begins][order], np.diff(begins, append=len(ids))[order]
        if len(begins) * _RUN <= len(ids) and bool((firsts[1:] >= firsts[:-1] + sizes[:-1]).all()):
            return cls(firsts, begins[order], sizes, 0)
        # Each operation is a run of its own: of those with one ID the first one.
        order = np.argsort(ids, kind="stable")
        firsts = ids[order]
        fresh = np.ones(len(firsts), dtype=np.bool_)
        np.not_equal(firsts[1:], firsts[:-1], out=fresh[1:])
        return cls(firsts[fresh], order[fresh], np.ones(int(fresh.sum()), dtype=np.int64), len(ids) - int(fresh.sum()))

    def at(self, wanted: Ints) -> Ints:
        """The position of the operation of each of these IDs, the first one if there are several; -1 where there is none."""
        if not len(self.firsts):
            return np.full(len(wanted), -1, dtype=np.int64)

        def found(part: slice) -> Ints:
            run = np.searchsorted(self.firsts, wanted[part], side="right").clip(min=1) - 1
            nth = wanted[part] - self.firsts[run]
            return np.where((nth >= 0) & (nth < self.sizes[run]), self.begins[run] + nth, -1)

        out: Ints = blocks.into(np.empty(len(wanted), dtype=np.int64), found)
        return out
