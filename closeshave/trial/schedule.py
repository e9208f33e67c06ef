"""When each phase, fault and drill of a plan is due, and which fault may start now. Pure: the clock is an argument."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from closeshave.history import PhaseTime
from closeshave.plan import Disruption, Plan

EARLY_NS = 8_000_000_000
"""How long before its injection a fault's child process is normally started, in nanoseconds."""
LEAD_NS = 4_000_000_000
"""The shortest time that a child needs before it can inject: it must import Chaos Toolkit first, on a busy machine."""


@dataclass(frozen=True, slots=True)
class Due:
    """A fault or a drill and the instant it is planned to begin, in monotonic nanoseconds."""

    fault: Disruption
    at_ns: int

    @property
    def heal_ns(self) -> int:
        """When the harness heals it; of a drill, when it is over at the latest."""
        return self.at_ns + round(self.fault.hold * 1e9)

    def overlaps(self, other: Due) -> bool:
        """Whether the plan lets both be in effect at the same time."""
        return self.at_ns < other.heal_ns and other.at_ns < self.heal_ns


class Go(StrEnum):
    """What to do about a fault now."""

    START = "start"
    WAIT = "wait"
    SKIP = "skip"


def phases(plan: Plan, start_ns: int) -> tuple[PhaseTime, ...]:
    """The plan's phases, one after the other from ``start_ns``."""
    found = []
    at = start_ns
    for phase in plan.phases:
        end = at + round(phase.duration * 1e9)
        found.append(PhaseTime(phase.name, phase.role, at, end))
        at = end
    return tuple(found)


def due(plan: Plan, start_ns: int) -> tuple[Due, ...]:
    """The plan's faults and drills in the order of their instants."""
    found = [Due(each, start_ns + round((plan.starts_s(each.phase) + each.at) * 1e9)) for each in plan.disruptions]
    return tuple(sorted(found, key=lambda item: (item.at_ns, item.fault.id)))


def first_ns(plan: Plan, start_ns: int, *, by_people: bool) -> int | None:
    """The first instant at which something may be broken; of a game day, the begin of its exercise. ``None``: nothing will be."""
    if by_people:
        return start_ns + round(plan.starts_s(plan.exercise.name) * 1e9)
    return min((each.at_ns for each in due(plan, start_ns)), default=None)


def decide(item: Due, unhealed: Iterable[Due], end_ns: int, now_ns: int) -> tuple[Go, int]:
    """Whether ``item`` starts now, and the instant at which it is then injected.

    A fault that the plan does not overlap with another one waits until that one is proven healed: injected during a recovery, it would
    measure that recovery. It is skipped when waiting has cost so much that load would end before its hold does.
    """
    at_ns = max(item.at_ns, now_ns + LEAD_NS)
    if at_ns + round(item.fault.hold * 1e9) > end_ns:
        return Go.SKIP, at_ns
    if now_ns < item.at_ns - EARLY_NS or any(not item.overlaps(other) for other in unhealed):
        return Go.WAIT, at_ns
    return Go.START, at_ns


def current(times: Collection[PhaseTime], now_ns: int) -> PhaseTime | None:
    """The phase that is running at ``now_ns``."""
    return next((phase for phase in times if phase.started_ns <= now_ns < phase.ended_ns), None)
