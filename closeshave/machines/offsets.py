"""How far the clock of another machine is off, from round trips, with an uncertainty that holds whatever the network does. Pure.

A question leaves at ``asked_ns`` and its answer comes at ``answered_ns``, both on our clock; the other side notes ``received_ns`` and ``replied_ns`` on
its own. Nothing arrives before it was sent, so the offset (theirs less ours) lies between ``replied_ns - answered_ns`` and ``received_ns - asked_ns``. The
middle is the estimate, half the width the uncertainty: half of the delay. Of several round trips the one with the smallest delay is used, as in the
clock filter of RFC 5905, section 10; an older one counts as more uncertain by :data:`DRIFT` times its age.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DRIFT = 1e-3
"""The most by which two clocks may run apart: the kernel slews each by at most 500 parts in a million (adjtimex(2))."""
Nanoseconds = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One question and its answer."""

    asked_ns: int
    received_ns: int
    """On the other machine's clock, as the next one."""
    replied_ns: int
    answered_ns: int

    @property
    def possible(self) -> bool:
        """Whether time went forward on both sides, and no faster on the other one than here: a reply that says otherwise is not a measurement."""
        return 0 <= self.replied_ns - self.received_ns <= (self.answered_ns - self.asked_ns) * (1 + DRIFT)

    @property
    def at_ns(self) -> int:
        """The middle of the round trip, on our clock."""
        return (self.asked_ns + self.answered_ns) // 2

    @property
    def offset_ns(self) -> int:
        """The estimate: their clock less ours."""
        return (self.received_ns - self.asked_ns + self.replied_ns - self.answered_ns) // 2

    @property
    def uncertainty_ns(self) -> int:
        """Half of the time that the messages were on their way, rounded up; and what the clocks may run apart during the round trip."""
        delay_ns = (self.answered_ns - self.asked_ns) - (self.replied_ns - self.received_ns)
        return max(0, -(-delay_ns // 2)) + 1 + round((self.answered_ns - self.asked_ns) * DRIFT)


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """Their clock less ours at one instant."""

    offset_ns: int
    uncertainty_ns: int


class OffsetCurve:
    """The offset over the time of a run: at each instant by the round trip that makes it least uncertain there."""

    def __init__(self, trips: Iterable[RoundTrip]) -> None:
        """Raises :class:`ValueError` when none of them is a measurement."""
        found = sorted((each for each in trips if each.possible), key=lambda each: each.at_ns)
        if not found:
            raise ValueError("no round trip to measure a clock by")
        at_ns = np.array([each.at_ns for each in found], dtype=np.int64)
        least_ns = np.array([each.uncertainty_ns for each in found], dtype=np.int64)
        offset_ns = np.array([each.offset_ns for each in found], dtype=np.int64)
        kept = _best_somewhere(at_ns, least_ns)
        self._at_ns, self._least_ns, self._offset_ns = at_ns[kept], least_ns[kept], offset_ns[kept]
        ahead = (self._least_ns[1:] - self._least_ns[:-1]) / DRIFT
        self._until_ns = ((self._at_ns[:-1] + self._at_ns[1:] + ahead) / 2).astype(np.int64)
        """Between two neighbours: where the later one becomes the better."""
        self.contradiction_ns = self._contradiction_ns(at_ns, least_ns, offset_ns)
        """By how much round trips contradict each other, because a clock jumped or the machine was suspended; 0 where none do."""

    def at(self, at_ns: int) -> ClockOffset:
        """The offset at an instant of our clock."""
        index = int(np.searchsorted(self._until_ns, at_ns))
        return ClockOffset(int(self._offset_ns[index]), self._uncertainty_ns(index, at_ns))

    def offsets_ns(self, theirs_ns: Nanoseconds) -> Nanoseconds:
        """What must be subtracted from instants of their clock to get those of ours."""
        roughly = theirs_ns - self._offset_ns[len(self._offset_ns) // 2]
        ours_ns = theirs_ns - self._offset_ns[np.searchsorted(self._until_ns, roughly)]
        found: Nanoseconds = self._offset_ns[np.searchsorted(self._until_ns, ours_ns)]
        return found

    def worst_uncertainty_ns(self, from_ns: int, to_ns: int) -> int:
        """The largest uncertainty of any instant between two of our clock."""
        turns = self._until_ns[(self._until_ns > from_ns) & (self._until_ns < to_ns)].tolist()
        return max(self.at(each).uncertainty_ns for each in (from_ns, to_ns, *turns))

    def _uncertainty_ns(self, index: int, at_ns: int) -> int:
        age_ns = abs(at_ns - int(self._at_ns[index]))
        return int(self._least_ns[index]) + int(np.ceil(age_ns * DRIFT)) + self.contradiction_ns

    def _contradiction_ns(self, at_ns: Nanoseconds, least_ns: Nanoseconds, offset_ns: Nanoseconds) -> int:
        """Each round trip against the curve at its instant, and neighbours on the curve: they may differ by both uncertainties and the drift between."""
        index = np.searchsorted(self._until_ns, at_ns)
        excess_ns = _excess_ns(offset_ns - self._offset_ns[index], least_ns + self._least_ns[index], at_ns - self._at_ns[index])
        beside_ns = _excess_ns(np.diff(self._offset_ns), self._least_ns[1:] + self._least_ns[:-1], np.diff(self._at_ns))
        return max(0, excess_ns, beside_ns)


def _excess_ns(differ_ns: Nanoseconds, uncertain_ns: Nanoseconds, apart_ns: Nanoseconds) -> int:
    if not len(differ_ns):
        return 0
    return int((np.abs(differ_ns) - uncertain_ns - np.ceil(np.abs(apart_ns) * DRIFT).astype(np.int64)).max())


def _best_somewhere(at_ns: Nanoseconds, least_ns: Nanoseconds) -> npt.NDArray[np.bool_]:
    """Those that no other one beats at their own instant: in time order, by what the best one before and after has come to."""
    steps = np.diff(at_ns) * DRIFT
    before, after = least_ns.astype(np.float64), least_ns.astype(np.float64)
    for index in range(1, len(before)):
        before[index] = min(before[index], before[index - 1] + steps[index - 1])
    for index in range(len(after) - 2, -1, -1):
        after[index] = min(after[index], after[index + 1] + steps[index])
    kept = (least_ns <= before) & (least_ns <= after)
    # Of two at the same instant that are equally good one is enough; two neighbours would have no turn between them.
    kept[1:] &= ~((at_ns[1:] == at_ns[:-1]) & kept[:-1])
    return kept
