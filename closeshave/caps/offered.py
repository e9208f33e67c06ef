"""What a plan can send on average, in requests per second: sessions at their highest rate, contests, canaries, retries and log-ins. Pure.

Random arrivals can exceed it: :mod:`closeshave.caps.chance`.
"""

from __future__ import annotations

from closeshave.plan import Phase, Plan
from closeshave.topology import Topology

CANARY_CANCELS_PER_S = 2.0
"""The highest rate of canaries' cancels for each shard. A cancel is clean-up and not a probe: at full rate it would be a third of the canaries' load."""
LOGINS_PER_S = 1.0
"""Log-ins per second during the load, at the plan's highest rate: a password hash is slow by design, and two cores run everything."""
CONTEST_REQUESTS = 10.0
"""The most requests of one contest.

They are: the list of barbers; free times for both; two bookings, each repeated if its outcome is unknown; free times again for both after a refusal,
or the read of the booking; and a renewed token.
"""


def of_session(plan: Plan) -> float:
    """Requests of a customer's visit: the scenario's mean, and for each booking one retry, or one more list after a refusal.

    Of a Locust file of the user's own nothing is known but the plan's mean.
    """
    if plan.traffic.locust is not None:
        return plan.traffic.requests_per_session
    return plan.traffic.requests_per_session + plan.traffic.per_session.get("book", 0.0)


def of_canaries(plan: Plan, topology: Topology) -> float:
    """Requests per second of all canaries: probes, the list after a refused one, and cancels."""
    if plan.traffic.locust is not None:
        return plan.canaries.home_per_s + (len(topology.regions) - 1) * plan.canaries.away_per_s if plan.probed else 0.0
    shards, away = len(topology.shards), len(topology.regions) - 1
    probes_per_s = shards * (plan.canaries.home_per_s + away * plan.canaries.away_per_s)
    # A booking and the read of it are two probes.
    return probes_per_s + probes_per_s / 2 + min(probes_per_s / 2, shards * CANARY_CANCELS_PER_S)


def of_phase(plan: Plan, phase: Phase, topology: Topology) -> float:
    """Requests per second of a phase at its highest rate."""
    return steady(plan, phase, topology) + phase.sessions_per_s * of_session(plan) + contests_per_s(plan) * CONTEST_REQUESTS


def contests_per_s(plan: Plan) -> float:
    """Contests per second; a Locust file of the user's own has none."""
    return plan.traffic.contests_per_s if plan.traffic.locust is None else 0.0


def steady(plan: Plan, phase: Phase, topology: Topology) -> float:
    """The part of it that does not arrive at random: canaries, and log-ins, which have a fixed pace."""
    if plan.traffic.locust is not None:
        return of_canaries(plan, topology)
    log_ins_per_s = min(phase.sessions_per_s * plan.traffic.per_session.get("login", 0.0), LOGINS_PER_S)
    return log_ins_per_s + of_canaries(plan, topology)


def requests_of_canaries(plan: Plan, topology: Topology) -> int:
    """How many requests the canaries may send in the whole plan; the rest of the plan's largest number is for customers."""
    if not plan.probed:
        return 0
    return min(plan.limits.requests // 2, 1 + int(of_canaries(plan, topology) * plan.duration_s))
