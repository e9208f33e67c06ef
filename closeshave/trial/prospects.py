"""For which objectives of its target a plan sends enough requests for a verdict, computed before it starts, and how many would be enough. Pure.

This is the best case: so many requests decide about a share or a percentile if none of them breaks the promise. If some do, more are needed. So too
few is certain, but enough may still be too few.
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
"""Number of points at which a shape's mean is computed."""
DECILES = 10
COMES = 0.9
"""The share of the most requests of a session (with which caps are checked) that is sent on average: 9.9 of 11 with ``booking.py``."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """One objective of a plan at one rate."""

    objective: Objective
    needs: int
    """How many requests without a breach decide about it, in each of its parts."""
    expects: float
    """How many requests the plan will send on average in the smallest of its parts."""
    per_s: float
    """The same per second of its phases."""
    parts: int

    @property
    def enough(self) -> bool:
        """Whether a verdict is possible."""
        return self.expects >= self.needs

    @property
    def settles(self) -> float:
        """The highest share about which the expected requests can decide, without a breach."""
        return (1 - self.objective.confidence) ** (1 / self.expects) if self.expects >= 1 else 0.0


def prospects(plan: Plan, target: Target, topology: Topology) -> tuple[Prospect, ...]:
    """The prospects of all objectives on shares and percentiles of requests over whole phases, in the target's order."""
    return tuple(each for one in asked.asked(plan, target).objectives if (each := _prospect(plan, one, topology)))


def lasting_s(plan: Plan, found: Prospect) -> float | None:
    """How long the whole plan would have to last at its rate for a verdict, in seconds; ``None`` if longer phases would not help."""
    if found.per_s <= 0 or not _grows(plan, found.objective):
        return None
    return plan.duration_s + math.ceil((found.needs - found.expects) / found.per_s)


def _prospect(plan: Plan, objective: Objective, topology: Topology) -> Prospect | None:
    # How many samples a sliding, a warm or a degraded objective will have cannot be known before the run.
    if objective.measure not in SHARES | TIMES or objective.sliding or objective.warm or objective.window not in ROLES:
        return None
    own = plan.traffic.locust
    if own is not None and (objective.operations or own.model == "closed"):
        # How often a Locust file of the user's own sends each of its requests, or how many its users send until the end, is nowhere stated.
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
    """The number of parts of about equal size into which its requests are divided; 0 if their sizes are unknown before the run."""
    return {"all": 1, "region": len(topology.regions), "shard": len(topology.shards), "franchise_decile": DECILES}.get(objective.per, 0)


def _of_session(plan: Plan, objective: Objective) -> float:
    """The average number of a session's requests that the objective counts."""
    traffic = plan.traffic
    if objective.operations:
        return sum(_of_operations(plan, objective.operations))
    return max(0.0, traffic.requests_per_session - sum(_of_operations(plan, objective.except_operations)))


def _of_operations(plan: Plan, operations: tuple[str, ...]) -> Iterator[float]:
    """Log-ins have a rate of their own: at most one per second, whatever the rate of sessions."""
    for operation in operations:
        mean = plan.traffic.per_session.get(operation, 0.0)
        yield min(mean, offered.LOGINS_PER_S / plan.peak_per_s) if operation == "login" and plan.peak_per_s else mean


def _grows(plan: Plan, objective: Objective) -> bool:
    return any(phase.role is Role.CALM and phase.role in ROLES[objective.window] for phase in plan.phases)
