"""Which objectives of its target a plan has requests enough to settle, told before it starts, and what would be enough. Pure.

Told is the best case: so many requests settle a share or a percentile if not one of them breaks the promise. A platform that breaks it now and then
needs more, so what is said here to be too little is too little for certain, and what is said to be enough may yet be too little.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from closeshave.caps import offered
from closeshave.judge import asked
from closeshave.judge.evidence.windows import ROLES
from closeshave.plan import Phase, Plan, Role
from closeshave.target import SHARES, TIMES, Measure, Objective, Target
from closeshave.topology import Topology
from closeshave.traffic.arrivals import rate_of

SHAPE_POINTS = 200
"""At which a shape's mean is taken."""
DECILES = 10
COMES = 0.9
"""Of the requests that a session may bring, by which plans are held against caps, so many come on average: 9.9 of 11 with ``booking.py``."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """One objective of a plan at one rate."""

    objective: Objective
    needs: int
    """Requests without a single breach that settle it, in each of its parts."""
    expects: float
    """Requests that the plan will send, on average, in the smallest of its parts."""
    per_s: float
    """The same for each second of its phases."""
    parts: int

    @property
    def enough(self) -> bool:
        """Whether it can be settled at all."""
        return self.expects >= self.needs

    @property
    def settles(self) -> float:
        """The highest share that so many requests settle, without a breach."""
        return (1 - self.objective.confidence) ** (1 / self.expects) if self.expects >= 1 else 0.0


def prospects(plan: Plan, target: Target, topology: Topology) -> tuple[Prospect, ...]:
    """The prospects of all objectives on shares and percentiles of requests over whole phases, in the target's order."""
    return tuple(each for one in asked.asked(plan, target).objectives if (each := _prospect(plan, one, topology)))


def lasting_s(plan: Plan, found: Prospect) -> float | None:
    """How long the whole plan would have to last at its rate to settle it; ``None`` where more of its phases would not help."""
    if found.per_s <= 0 or not _grows(plan, found.objective):
        return None
    return plan.duration_s + math.ceil((found.needs - found.expects) / found.per_s)


def _prospect(plan: Plan, objective: Objective, topology: Topology) -> Prospect | None:
    # How many samples a sliding, a warm or a degraded objective will have cannot be known before the run.
    if objective.measure not in SHARES | TIMES or objective.sliding or objective.warm or objective.window not in ROLES:
        return None
    allowed = _allowed(objective)
    parts = _parts(objective, topology)
    if not 0 < allowed < 1 or not parts:
        return None
    phases = [phase for phase in plan.phases if phase.role in ROLES[objective.window]]
    seconds = sum(phase.duration for phase in phases)
    expects = COMES * sum(sessions(phase) for phase in phases) * _of_session(plan, objective) / parts
    needs = math.ceil(round(math.log(1 - objective.confidence) / math.log(1 - allowed), 6))
    return Prospect(objective, max(needs, objective.at_least_chances or 0), expects, expects / seconds if seconds else 0.0, parts)


def sessions(phase: Phase) -> float:
    """Sessions that arrive in a phase, on average."""
    at_s = (np.arange(SHAPE_POINTS) + 0.5) / SHAPE_POINTS * phase.duration
    return float(rate_of(phase.shape, phase.sessions_per_s, phase.duration).per_s(at_s).mean()) * phase.duration


def _allowed(objective: Objective) -> float:
    """The share of requests that may break it."""
    if objective.measure in TIMES:
        return 1 - (objective.percentile or 0.0)
    bound = objective.bound or 0.0
    return bound if objective.measure is Measure.ERROR_RATE else 1 - bound


def _parts(objective: Objective, topology: Topology) -> int:
    """The number of parts of about equal size that its requests fall into; 0 where their sizes are unknown before the run."""
    return {"all": 1, "region": len(topology.regions), "shard": len(topology.shards), "franchise_decile": DECILES}.get(objective.per, 0)


def _of_session(plan: Plan, objective: Objective) -> float:
    """Requests of a session that it counts, on average."""
    traffic = plan.traffic
    if objective.operations:
        return sum(_of_operations(plan, objective.operations))
    return max(0.0, traffic.requests_per_session - sum(_of_operations(plan, objective.except_operations)))


def _of_operations(plan: Plan, operations: tuple[str, ...]) -> Iterator[float]:
    """Log-ins keep a pace of their own: they are no more than one a second, whatever the rate is."""
    for operation in operations:
        mean = plan.traffic.per_session.get(operation, 0.0)
        yield min(mean, offered.LOGINS_PER_S / plan.peak_per_s) if operation == "login" and plan.peak_per_s else mean


def _grows(plan: Plan, objective: Objective) -> bool:
    return any(phase.role is Role.CALM and phase.role in ROLES[objective.window] for phase in plan.phases)
