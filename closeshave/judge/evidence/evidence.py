"""The evidence of one run: what was recorded, and what several judges derive from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from closeshave.history import FaultEdge
from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.backlog import extended, met
from closeshave.judge.evidence.columns import Flags, Ints, flags
from closeshave.judge.evidence.differences import Differences, differences
from closeshave.judge.evidence.host import Doubt, disturbances
from closeshave.judge.evidence.recorded import Recorded
from closeshave.judge.evidence.refusals import Refusals, refusals
from closeshave.judge.evidence.windows import NEVER_NS, Late, Span, late_windows, latency_bounds

SECOND_NS = 1_000_000_000
ASKED_NS = 60 * SECOND_NS
"""The least time that the harness waited for an operation without an end."""


@dataclass(frozen=True)
class Evidence(Recorded):
    """The argument of every judge."""

    assumed_good: Flags | None = None
    """Operations that are assumed to have kept every promise; see :meth:`assuming_good`."""

    def assuming_good(self, rows: Flags) -> Evidence:
        """The same run, as if these operations had been answered well and at once.

        A verdict that still fails was proven by the other operations alone. Leaving the operations out instead would be wrong: if another program
        disturbs only the good minutes of an hour, the rest of the hour looks worse than the whole, and a pass would become a fail.
        """
        found = replace(self, assumed_good=rows)
        # Values that were derived already and do not depend on these rows are kept.
        found.__dict__.update({name: value for name, value in self.__dict__.items() if name not in {"assumed_good", "good", "response_ns"}})
        # Which lookups a warm cache can serve depends only on the requests, so it is kept.
        found.__dict__["revisits"] = self.revisits
        return found

    @cached_property
    def response_ns(self) -> Ints:
        """From intended to end, so that a stall of the platform counts for every request that had to wait behind it (coordinated omission)."""
        assumed = self.assumed_good

        def took(part: slice) -> Ints:
            ended = self.ended_ns[part]
            taken = np.where(ended == NEVER_NS, NEVER_NS, ended - self.intended_ns[part])
            return taken if assumed is None else np.where(assumed[part], 0, taken)

        found: Ints = blocks.into(self.history.room.array(len(self.ended_ns), np.int64), took)
        return found

    @cached_property
    def good(self) -> Flags:
        """Which operations were answered as promised.

        Unknown is not good: for example a booking that was refused as taken, if it is unknown who held the slot.
        """
        good, unexplained = flags(self.operations["good"]), self.refusals.not_good
        if len(unexplained):
            good = good.copy()
            good[unexplained] = False
        return good if self.assumed_good is None else good | self.assumed_good

    @cached_property
    def differences(self) -> Differences:
        """Why operations or effects may be missing from the history."""
        return differences(self)

    @cached_property
    def refusals(self) -> Refusals:
        """Bookings that were refused because the slot was taken, and whether it was."""
        return refusals(self)

    @cached_property
    def revisits(self) -> Flags:
        """Lookups that a cache can serve: an earlier lookup of the same franchise had been answered well before they were sent."""
        franchise, warming = self.franchise, self.lookups & self.good
        size = int(franchise.max(initial=0)) + 1
        first_ns = np.full(size, NEVER_NS, dtype=np.int64)
        for start in range(0, len(warming), blocks.ROWS):
            part = slice(start, start + blocks.ROWS)
            mine = warming[part]
            np.minimum.at(first_ns, franchise[part][mine], self.ended_ns[part][mine])
        return blocks.mask(len(warming), lambda part: self.lookups[part] & (self.started_ns[part] > first_ns[franchise[part]]))

    @cached_property
    def late(self) -> tuple[Late, ...]:
        """Windows in which the customers' generator could not keep its schedule."""
        rows = self.customers
        bounds_s, uncertainty_ns = latency_bounds(self.plan, self.target), self.history.machines_uncertainty_ns
        return late_windows(self.history.manifest, rows, self.intended_ns, self.started_ns, bounds_s, uncertainty_ns)

    @cached_property
    def held_up(self) -> tuple[Late, ...]:
        """Those of the late windows that other programs explain: the requests that these did not touch before they were sent were on schedule."""
        if not self.late:
            return ()
        undisturbed = self.customers & ~met(self.intended_ns, lambda part: self.started_ns[part] - self.intended_ns[part], self.doubtful)
        bounds_s = latency_bounds(self.plan, self.target)
        uncertainty_ns = self.history.machines_uncertainty_ns
        late = late_windows(self.history.manifest, undisturbed, self.intended_ns, self.started_ns, bounds_s, uncertainty_ns)
        left = {window.span for window in late}
        return tuple(window for window in self.late if window.span not in left)

    @cached_property
    def disturbed(self) -> tuple[Doubt, ...]:
        """Stretches in which other programs delayed the platform or the senders, without the backlog after them."""
        return disturbances(self.history.resources, self._broken)

    @cached_property
    def doubtful(self) -> tuple[Doubt, ...]:
        """The same, each extended until the backlog that it left is gone; in time order, without overlap."""
        if not self.disturbed:
            return ()
        rows = self.customers | self.canaries
        return extended(self.disturbed, self.intended_ns[rows], self.response_ns[rows], self.good[rows])

    @cached_property
    def touched(self) -> Flags:
        """Operations that a doubtful stretch touches: due before its end, and ended after its start."""
        return self.touched_within(ASKED_NS)

    def touched_within(self, limit_ns: int) -> Flags:
        """Operations of which a doubtful stretch touches the first ``limit_ns``.

        An operation that was too late before the stretch began was not delayed by it.
        """

        def lasted(part: slice) -> Ints:
            found: Ints = np.minimum(np.where(self.ended_ns[part] == NEVER_NS, NEVER_NS, self.response_ns[part]), limit_ns)
            return found

        return met(self.intended_ns, lasted, self.doubtful)

    def doubts_within(self, from_ns: int, to_ns: int) -> tuple[Doubt, ...]:
        """The doubtful stretches that overlap with this time."""
        return tuple(one for one in self.doubtful if one.started_ns < to_ns and one.ended_ns > from_ns)

    @property
    def _broken(self) -> tuple[Span, ...]:
        """When faults of the plan may have been in effect: from just before the injection until the heal was proven, or for ever."""
        begun: dict[str, int] = {}
        over: dict[str, int] = {}
        for event in self.history.faults:
            begun[event.fault] = min(begun.get(event.fault, NEVER_NS), event.began_ns - SECOND_NS)
            if event.edge == FaultEdge.VERIFIED_HEALED:
                over[event.fault] = event.at_ns + SECOND_NS
        return tuple(Span(at_ns, over.get(fault, NEVER_NS)) for fault, at_ns in begun.items())
