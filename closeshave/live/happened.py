"""What the timeline tells a page: the states of faults and drills, and a line for each thing that happened. Each line of the file is read once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

from closeshave.history import DrillEnded, DrillStepped, FaultEdge, FaultEvent, Mark
from closeshave.live.picture import DisruptionShown, ToldLine
from closeshave.plan import Drill, Plan
from closeshave.trial import schedule
from closeshave.trial.happenings import Course, Tail
from closeshave.vocabulary import MarkKind

REMEMBERED = 200
"""Lines."""
SAID = {
    MarkKind.ABORT: "the trial stops itself",
    MarkKind.ENVIRONMENT_LOST: "the environment is lost",
    MarkKind.GENERATOR_DIED: "a load generator has died",
    MarkKind.HARNESS_ERROR: "the harness failed",
    MarkKind.HEAL_UNPROVEN: "a heal is not proven",
    MarkKind.LEFT_BEHIND: "something was left behind",
    MarkKind.NOTE: "",
}
"""Marks that are told, with what is said before their own words."""


class Happened:
    """The timeline of one run, whose load began at ``zero_ns`` with this plan."""

    def __init__(self, run: Path, plan: Plan, zero_ns: int, *, by_people: bool = False) -> None:
        self._tail, self._zero_ns = Tail(run), zero_ns
        self._due = schedule.due(plan, zero_ns)
        self._course, self._by_people = Course(self._due, by_people), by_people
        self._told: deque[ToldLine] = deque(maxlen=REMEMBERED)

    def look(self) -> None:
        """Read what is new. Never raises."""
        for event in self._tail.new():
            said = self._course.take(event)
            if said is not None:
                self._told.append(ToldLine(self._at_s(_instant(event)), said.fault, said.sentence))
            elif isinstance(event, Mark) and event.kind in SAID:
                before = SAID[MarkKind(event.kind)]
                self._told.append(ToldLine(self._at_s(event.at_ns), "", ": ".join(filter(None, (before, event.detail)))))

    def told(self) -> tuple[ToldLine, ...]:
        """The newest lines, the newest last."""
        return tuple(self._told)

    def disruptions(self, now_ns: int) -> Iterator[DisruptionShown]:
        """Every fault and drill of the plan, in the order of their instants."""
        for due, standing in zip(self._due, self._course.standing(now_ns), strict=True):
            edges = {edge: self._at_s(at_ns) for edge, at_ns in self._course.edges(due.fault.id).items()}
            yield DisruptionShown(
                due.fault.id,
                standing.what,
                isinstance(due.fault, Drill),
                standing.state,
                standing.in_effect,
                standing.over,
                None if self._by_people else self._at_s(due.at_ns),
                edges.get(FaultEdge.INJECTED),
                edges.get(FaultEdge.OBSERVED),
                edges.get(FaultEdge.HEALED),
                edges.get(FaultEdge.VERIFIED_HEALED),
            )

    def _at_s(self, at_ns: int) -> float:
        return (at_ns - self._zero_ns) / 1e9


def _instant(event: FaultEvent | Mark | DrillStepped | DrillEnded) -> int:
    return event.ended_ns if isinstance(event, DrillStepped | DrillEnded) else event.at_ns
