"""What became of each drill of the plan, and the operations in its scope."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closeshave import scope
from closeshave.history import STOPPED_AT, DrillEnded, DrillEnding, DrillProven, DrillStepped, FaultEdge
from closeshave.judge.evidence.columns import Flags, one_of
from closeshave.judge.evidence.evidence import Evidence
from closeshave.plan import Drill, Role


@dataclass(frozen=True, slots=True)
class DrillLife:
    """One planned drill, as the history tells it. Instants in monotonic nanoseconds."""

    drill: Drill
    steps: tuple[DrillStepped, ...]
    proofs: tuple[DrillProven, ...]
    ended: DrillEnded | None
    """``None`` if the history does not say how it ended."""
    put_back_ns: int | None
    """When it was proven that everything is put back; ``None`` if it was not."""
    in_ledger: bool
    """Whether it was entered in the ledger: before that it changed nothing."""

    @property
    def carried_out(self) -> bool:
        """Whether every step was done."""
        return self.ended is not None and self.ended.how == DrillEnding.CARRIED_OUT

    @property
    def stopped_at(self) -> float | None:
        """The share of the requests that a bad release got when the drill stopped it; ``None`` if it stopped nothing."""
        if self.ended is None or self.ended.how != DrillEnding.STOPPED:
            return None
        return next((float(str(step.facts[STOPPED_AT])) for step in self.steps if step.facts.get(STOPPED_AT) is not None), 1.0)

    @property
    def over_ns(self) -> int | None:
        """Until when it may have cost something; ``None`` if it was never begun."""
        if self.ended is None or not self.in_ledger:
            return None
        return max(self.put_back_ns or 0, self.ended.ended_ns)

    def fact(self, step: str, name: str) -> object:
        """What a step found; ``None`` if it was not done or did not say."""
        return next((each.facts.get(name) for each in self.steps if each.step == step), None)


def drill_lives(evidence: Evidence) -> tuple[DrillLife, ...]:
    """One for each drill of the plan, in the plan's order, also for those that were never begun."""
    return tuple(_life(evidence, drill) for drill in evidence.plan.drills)


def _life(evidence: Evidence, drill: Drill) -> DrillLife:
    mine = [event for event in evidence.history.drills if event.drill == drill.id]
    edges = {event.edge: event.at_ns for event in evidence.history.faults if event.fault == drill.id}
    return DrillLife(
        drill=drill,
        steps=tuple(event for event in mine if isinstance(event, DrillStepped)),
        proofs=tuple(event for event in mine if isinstance(event, DrillProven)),
        ended=next((event for event in mine if isinstance(event, DrillEnded)), None),
        put_back_ns=edges.get(FaultEdge.VERIFIED_HEALED),
        in_ledger=FaultEdge.PLANNED in edges,
    )


def customers_within(evidence: Evidence, life: DrillLife) -> Flags:
    """The customers' requests in the drill's scope that were due from its begin until everything was put back."""
    if life.ended is None or life.over_ns is None:
        return np.zeros(len(evidence.operations), dtype=np.bool_)
    due = (evidence.intended_ns >= life.ended.began_ns) & (evidence.intended_ns <= life.over_ns)
    return _customers(evidence, life) & due


def customers_in_calm(evidence: Evidence, life: DrillLife) -> Flags:
    """The customers' requests in the drill's scope that were due in a calm phase."""
    due = np.zeros(len(evidence.operations), dtype=np.bool_)
    for phase in evidence.history.manifest.phases:
        if phase.role == Role.CALM:
            due |= (evidence.intended_ns >= phase.started_ns) & (evidence.intended_ns < phase.ended_ns)
    return _customers(evidence, life) & due


def _customers(evidence: Evidence, life: DrillLife) -> Flags:
    rows: Flags = evidence.customers & one_of(evidence.shard, scope.concerned(life.drill, evidence.history.manifest.topology))
    return rows
