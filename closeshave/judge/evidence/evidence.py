"""One run as the judges see it: what was recorded, and what several judges derive from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from closeshave.history import FaultEdge
from closeshave.judge.evidence.backlog import extended, near
from closeshave.judge.evidence.columns import Flags, Ints, flags
from closeshave.judge.evidence.differences import Differences, differences
from closeshave.judge.evidence.host import Doubt, disturbances
from closeshave.judge.evidence.recorded import Recorded
from closeshave.judge.evidence.refusals import Refusals, refusals
from closeshave.judge.evidence.windows import NEVER_NS, Late, Span, late_windows, latency_bounds

SECOND_NS = 1_000_000_000
ASKED_NS = 60 * SECOND_NS
"""An operation without an end was waited for so long at least."""


@dataclass(frozen=True)
class Evidence(Recorded):
    """The argument of every judge."""

    spared: Flags | None = None
    """Operations that are taken to have kept every promise; see :meth:`sparing`."""

    def sparing(self, rows: Flags) -> Evidence:
        """The same run, had these operations been answered well and at once.

        What fails even then was proven by the others alone. To leave the operations out instead would not do: an hour that is good enough as a
        whole may be bad without its undisturbed half, and so a neighbour who disturbs only good minutes would make a pass a fail.
        """
        found = replace(self, spared=rows)
        # What was derived already and does not depend on them is not derived again.
        found.__dict__.update({name: value for name, value in self.__dict__.items() if name not in {"spared", "good", "response_ns"}})
        # Which lookups a warm cache can serve is a question of what was asked, and stays.
        found.__dict__["revisits"] = self.revisits
        return found

    @cached_property
    def response_ns(self) -> Ints:
        """Intended to end, so that a stall of the platform is charged for everyone who had to wait behind it (coordinated omission)."""
        took = np.where(self.ended_ns == NEVER_NS, NEVER_NS, self.ended_ns - self.intended_ns)
        return took if self.spared is None else np.where(self.spared, 0, took)

    @cached_property
    def good(self) -> Flags:
        """Unknown is not good: for example a booking that was refused as taken if it is unknown who held the slot."""
        good, unexplained = flags(self.operations["good"]), self.refusals.not_good
        if len(unexplained):
            good = good.copy()
            good[unexplained] = False
        return good if self.spared is None else good | self.spared

    @cached_property
    def differences(self) -> Differences:
        """Why operations or effects may be missing from the history."""
        return differences(self)

    @cached_property
    def refusals(self) -> Refusals:
        """Bookings that were refused as taken, and whether they were."""
        return refusals(self)

    @cached_property
    def revisits(self) -> Flags:
        """Lookups sent after an earlier one of the same franchise had been answered well: those that a cache can serve."""
        franchise, warming = self.franchise, self.lookups & self.good
        first_ns = np.full(int(franchise.max(initial=0)) + 1, NEVER_NS, dtype=np.int64)
        np.minimum.at(first_ns, franchise[warming], self.ended_ns[warming])
        found: Flags = self.lookups & (self.started_ns > first_ns[franchise])
        return found

    @cached_property
    def late(self) -> tuple[Late, ...]:
        """Windows in which the customers' generator could not keep its schedule."""
        rows = self.customers
        return late_windows(self.history.manifest, rows, self.intended_ns, self.started_ns, latency_bounds(self.plan, self.target))

    @cached_property
    def disturbed(self) -> tuple[Doubt, ...]:
        """Stretches in which other programs delayed the platform or the senders, without the backlog after them."""
        return disturbances(self.history.resources, self._broken)

    @cached_property
    def doubtful(self) -> tuple[Doubt, ...]:
        """The same, each up to where the backlog that it left is gone; in time order, apart from each other."""
        rows = self.customers | self.canaries
        return extended(self.disturbed, self.intended_ns[rows], self.response_ns[rows], self.good[rows])

    @cached_property
    def touched(self) -> Flags:
        """Operations that a doubtful stretch touches: due before its end, and not over by its start."""
        return self.touched_within(ASKED_NS)

    def touched_within(self, limit_ns: int) -> Flags:
        """The same of the first ``limit_ns`` of each operation: what was too late before the stretch began is none of its doing."""
        lasted = np.minimum(np.where(self.ended_ns == NEVER_NS, NEVER_NS, self.response_ns), limit_ns)
        return near(self.intended_ns, lasted, self.doubtful)

    def doubts_within(self, from_ns: int, to_ns: int) -> tuple[Doubt, ...]:
        """The doubtful stretches that share a moment with this time."""
        return tuple(one for one in self.doubtful if one.started_ns < to_ns and one.ended_ns > from_ns)

    @property
    def _broken(self) -> tuple[Span, ...]:
        """When faults of ours may have been in effect: from a moment before the injection until the heal was proven, or for ever."""
        begun: dict[str, int] = {}
        over: dict[str, int] = {}
        for event in self.history.faults:
            at_ns = int(event.evidence.get("began_ns", event.at_ns))
            begun[event.fault] = min(begun.get(event.fault, NEVER_NS), at_ns - SECOND_NS)
            if event.edge == FaultEdge.VERIFIED_HEALED:
                over[event.fault] = event.at_ns + SECOND_NS
        return tuple(Span(at_ns, over.get(fault, NEVER_NS)) for fault, at_ns in begun.items())
