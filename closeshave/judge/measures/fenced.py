"""For how long a drill that moves a range of franchises kept customers from writing to it, by their own requests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closeshave.history import FENCED_NS, FIRST, LAST, OPENED_NS
from closeshave.judge.evidence.columns import Flags, Ints, ints, member
from closeshave.judge.evidence.drills import DrillLife
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.joins import held_in
from closeshave.judge.evidence.writes import MUTATING


@dataclass(frozen=True, slots=True)
class Fence:
    """A range of franchises, and when no write to it was accepted. Instants in monotonic nanoseconds."""

    first: int
    last: int
    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True)
class Waits:
    """The writes to the range that met the fence: their positions among the operations, and how long each customer waited until a write was accepted."""

    positions: Ints
    waited_ns: Ints

    @property
    def longest_s(self) -> float:
        """0 if there was none."""
        return float(self.waited_ns.max(initial=0)) / 1e9


def fence_of(life: DrillLife) -> Fence | None:
    """The fence of a drill as its steps tell it; ``None`` if it had none, or does not say when it was lifted."""
    told = {name: value for step in life.steps for name, value in step.facts.items() if name in {FIRST, LAST, FENCED_NS, OPENED_NS}}
    if not all(isinstance(told.get(name), int) for name in (FIRST, LAST, FENCED_NS, OPENED_NS)):
        return None
    return Fence(*(int(str(told[name])) for name in (FIRST, LAST, FENCED_NS, OPENED_NS)))


def waits(evidence: Evidence, fence: Fence) -> Waits:
    """Of a write that was answered well, the time until its answer. Of any other, until the next write to the range was answered well, or for ever."""
    mine = _writes(evidence, fence)
    met = np.flatnonzero(mine & (evidence.intended_ns <= fence.to_ns) & (evidence.ended_ns >= fence.from_ns))
    waited = evidence.response_ns[met].copy()
    accepted = np.sort(evidence.ended_ns[mine & evidence.good])
    last_ns = max((phase.ended_ns for phase in evidence.history.manifest.phases), default=fence.to_ns)
    for place in np.flatnonzero(~evidence.good[met]).tolist():
        due = int(evidence.intended_ns[met[place]])
        after = int(np.searchsorted(accepted, due, side="right"))
        waited[place] = (int(accepted[after]) if after < len(accepted) else max(last_ns, due)) - due
    return Waits(met, waited)


def open_again_s(evidence: Evidence, fence: Fence) -> float | None:
    """How long after the fence began the first write to the range that was due when it had ended was accepted, in seconds: nobody who wrote in between
    waited longer. ``None`` if there was no such write."""
    after = _writes(evidence, fence) & evidence.good & (evidence.intended_ns > fence.to_ns)
    return (int(evidence.ended_ns[after].min()) - fence.from_ns) / 1e9 if after.any() else None


def _writes(evidence: Evidence, fence: Fence) -> Flags:
    """The writes to the range."""
    mine: Flags = writing(evidence) & (evidence.franchise >= fence.first) & (evidence.franchise <= fence.last)
    return mine


def writing(evidence: Evidence) -> Flags:
    """The operations that write."""
    effects = evidence.history.effects
    return held_in(evidence.ids, ints(effects["operation"], -1)[member(effects["action"], MUTATING)])
