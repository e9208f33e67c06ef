"""What became of each arrival that was dealt to a load machine: sent, late or blind, by the numbers in its records. Pure.

Each recorded request carries the number of the arrival that it belongs to. An arrival is *sent* when a request of it is recorded. Without a record it is
*blind* when it was due in a window in which nothing is known of its process, and otherwise *late*: it was due, and the process did not come to it. The
three add up to what was dealt, exactly; what may contradict is what the process itself counted, or a number that was dealt to another one or to nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from closeshave.plurals import counted

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BlindTime:
    """When nothing is known of a process: nanoseconds after the load's start, from the first to, and without, the last."""

    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True)
class ArrivalCounts:
    """Arrivals of one process, or of all those of a machine."""

    intended: int = 0
    """Dealt to it: by the seed, without asking it."""
    sent: int = 0
    late: int = 0
    blind: int = 0
    foreign: int = 0
    """Numbers in its records that were not dealt to it."""

    def __add__(self, other: ArrivalCounts) -> ArrivalCounts:
        """Of both together."""
        mine, others = ((each.intended, each.sent, each.late, each.blind, each.foreign) for each in (self, other))
        return ArrivalCounts(*(one + another for one, another in zip(mine, others, strict=True)))

    @property
    def reconciled(self) -> bool:
        """Whether every arrival is accounted for, and nothing else is there."""
        return self.intended == self.sent + self.late + self.blind and self.foreign == 0


def reckon(at_ns: Numbers, dealt: Numbers, recorded: Numbers, blind: Sequence[BlindTime]) -> ArrivalCounts:
    """The arrivals that were ``dealt`` to a process: their numbers, ascending. ``at_ns`` are all arrivals of the load, ``recorded`` the numbers in its
    records, from 0, any number of times; negative ones belong to no arrival."""
    numbers = np.unique(recorded[recorded >= 0])
    mine = at_ns[dealt]
    was_sent = np.isin(dealt, numbers, assume_unique=True)
    unknown = np.zeros(len(mine), dtype=np.bool_)
    for time in blind:
        unknown |= (mine >= time.from_ns) & (mine < time.to_ns)
    return ArrivalCounts(
        intended=len(mine),
        sent=int(was_sent.sum()),
        late=int((~was_sent & ~unknown).sum()),
        blind=int((~was_sent & unknown).sum()),
        foreign=len(numbers) - int(was_sent.sum()),
    )


def dealt_anew(counts: ArrivalCounts, seen: ArrivalCounts, found: ArrivalCounts) -> ArrivalCounts:
    """The counts of a process whose share was another one in the end than it knew. ``seen`` and ``found`` are :func:`reckon` of what it knew and of
    what it had in the end, ``counts`` is ``seen`` with what the process itself said: what it began without a record belongs to both shares, because
    it begins nothing from the instant on at which its share is dealt to others."""
    silent = counts.sent - seen.sent
    return replace(found, sent=found.sent + silent, late=found.late - silent)


def with_told(counts: ArrivalCounts, begun: int, late: int) -> tuple[ArrivalCounts, str]:
    """The counts of a process that has said how many arrivals it began and how many it did not come to; and what contradicts that, as a clause.

    A visit that had nothing to send leaves no record: those it began beyond the recorded ones were carried out too.
    """
    silent = begun - counts.sent
    if not 0 <= silent <= counts.late or late != counts.late - silent:
        said = f"it says that it began {counted(begun, 'arrival')} and did not come to {late:,}"
        return counts, f"{said}; of {counts.intended - counts.blind:,} that were due, its records hold {counts.sent:,}"
    return replace(counts, sent=begun, late=late), ""
