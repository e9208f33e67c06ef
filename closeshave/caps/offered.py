"""What a plan can send on average, in requests a second: sessions at their highest, contests, canaries, retries and log-ins. Pure.

Random arrivals can exceed it: :mod:`closeshave.caps.chance`.
"""

from __future__ import annotations

from closeshave.plan import Phase, Plan
from closeshave.topology import Topology

CANARY_CANCELS_PER_S = 2.0
"""Per shard. Cancelling is clean-up and no probe: at full rate it would be a third of the canaries' load."""
LOGINS_PER_S = 1.0
"""Log-ins within the window, at the highest rate of the plan: a password hash is slow by design, and two cores carry everything."""
CONTEST_REQUESTS = 10.0
"""Of one contest, at most: who cuts; times for both; two bookings, each once more where it is unknown whether it counted; times once more for both
where they were refused, or the reading back of what was won; and a token that had to be renewed."""


def of_session(plan: Plan) -> float:
    """Requests of a customer's visit: the scenario's mean, and for each booking one more try, or one more look where it was refused."""
    return plan.traffic.requests_per_session + plan.traffic.per_session.get("book", 0.0)


def of_canaries(plan: Plan, topology: Topology) -> float:
    """Requests a second of all canaries: probes, the look after a refused one, and what they cancel."""
    shards, away = len(topology.shards), len(topology.regions) - 1
    probes_per_s = shards * (plan.canaries.home_per_s + away * plan.canaries.away_per_s)
    # A booking and its reading are two probes.
    return probes_per_s + probes_per_s / 2 + min(probes_per_s / 2, shards * CANARY_CANCELS_PER_S)


def of_phase(plan: Plan, phase: Phase, topology: Topology) -> float:
    """Requests a second of a phase at its highest."""
    return steady(plan, phase, topology) + phase.sessions_per_s * of_session(plan) + plan.traffic.contests_per_s * CONTEST_REQUESTS


def steady(plan: Plan, phase: Phase, topology: Topology) -> float:
    """What of it does not arrive by chance: canaries, and log-ins, which are paced."""
    log_ins_per_s = min(phase.sessions_per_s * plan.traffic.per_session.get("login", 0.0), LOGINS_PER_S)
    return log_ins_per_s + of_canaries(plan, topology)


def requests_of_canaries(plan: Plan, topology: Topology) -> int:
    """How many requests the canaries may send in the whole plan: what is left of the plan's largest number is the customers'."""
    return min(plan.limits.requests // 2, 1 + int(of_canaries(plan, topology) * plan.duration_s))
