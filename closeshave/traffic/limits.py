"""Rate limits for each client address: the API's, those of a platform that differ, and whether a plan stays within them. Pure."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from closeshave.api import spoken
from closeshave.api.spoken import SpokenApi
from closeshave.caps.offered import CANARY_CANCELS_PER_S, LOGINS_PER_S
from closeshave.files.yamlfile import seconds
from closeshave.plan import Plan
from closeshave.topology import Topology

__all__ = ["CANARY_CANCELS_PER_S", "LOGINS_PER_S", "AddressLimits", "AddressTally", "exceeded", "shipped", "stated"]

AddressLimits = Mapping[str, tuple[int, float]]
"""Operation → how many requests one client address may send in how many seconds."""


def stated(otherwise: Mapping[str, str], api: SpokenApi | None = None) -> AddressLimits:
    """The API's limits, with those of a platform that differ, such as ``30 per 1h``; the API is BookedBarber V2 by default.

    Raises :class:`ValueError` naming the operation.
    """
    return {operation: _read(operation, text) for operation, text in {**(api or spoken.shipped()).profile.limits, **otherwise}.items()}


@lru_cache(maxsize=1)
def shipped() -> AddressLimits:
    """The limits of BookedBarber V2."""
    return stated({})


def _read(operation: str, text: str) -> tuple[int, float]:
    found = re.fullmatch(r"(\d{1,9}) per ([0-9a-z]{1,20})", text)
    window_s = seconds(found[2]) if found else 0.0
    if found is None or window_s <= 0:
        raise ValueError(f"{operation}: {text!r} is not a rate limit; write it like 30 per 1h")
    return int(found[1]), window_s


@dataclass(slots=True)
class AddressTally:
    """The recent requests of one client address."""

    limits: AddressLimits
    _sent: dict[str, deque[int]] = field(default_factory=dict)

    def count(self, operation: str, at_ns: int) -> int:
        """How many requests of ``operation`` were sent within the window of its limit before this one; also counts this one."""
        limit = self.limits.get(operation)
        if limit is None:
            return 0
        sent = self._sent.setdefault(operation, deque())
        while sent and at_ns - sent[0] > limit[1] * 1e9:
            sent.popleft()
        sent.append(at_ns)
        return len(sent) - 1


def exceeded(plan: Plan, topology: Topology, limits: AddressLimits, off: frozenset[str]) -> Iterator[str]:
    """Which limits a plan exceeds if all requests come from one address, one sentence with the numbers each.

    Computed from the plan's highest rates and the scenario's mean number of requests for each session, in the window with the most requests.
    """
    for operation, (allowed, window_s) in limits.items():
        if operation in off:
            continue
        most = _most(plan, _rate(plan, topology, operation), window_s)
        if most > allowed:
            yield (
                f"about {math.ceil(most):,} requests of {operation!r} would come from one address within {window_s:g} s; the platform allows "
                f"{allowed:,}: lower the plan's rates, or give customers their own addresses (capabilities.forwarded_for)"
            )


def _rate(plan: Plan, topology: Topology, operation: str) -> Callable[[float], float]:
    """Requests per second of an operation at a rate of sessions per second."""
    traffic, shards = plan.traffic, len(topology.shards)
    away = len(topology.regions) - 1
    # A booking and the read of it are two probes.
    writes_per_s = shards * (plan.canaries.home_per_s + away * plan.canaries.away_per_s) / 2
    # After each refused booking the customer requests the list once more.
    of_canaries = {"book": writes_per_s, "slots": writes_per_s, "cancel": min(writes_per_s, shards * CANARY_CANCELS_PER_S)}.get(
        operation, 0.0
    )
    # A contest is two customers who read the same list and request the same slot; both may be refused, and read it again.
    of_contests = {"book": 2.0, "slots": 4.0}.get(operation, 0.0) * traffic.contests_per_s
    again = sum(traffic.per_session.get(write, 0.0) for write in ("book", "reschedule")) if operation == "slots" else 0.0
    mean, most = traffic.per_session.get(operation, 0.0) + again, LOGINS_PER_S if operation == "login" else math.inf
    return lambda sessions_per_s: min(sessions_per_s * mean, most) + of_contests + of_canaries


def _most(plan: Plan, rate: Callable[[float], float], window_s: float) -> float:
    """The most requests within any window: rates are constant within phases, so a window with the most begins or ends where a phase does."""
    edges = [(plan.starts_s(phase.name), plan.starts_s(phase.name) + phase.duration, rate(phase.sessions_per_s)) for phase in plan.phases]
    begins = [at for start, end, _ in edges for at in (start, end - window_s)]
    return max(sum(per_s * max(0.0, min(end, at + window_s) - max(start, at)) for start, end, per_s in edges) for at in begins)
