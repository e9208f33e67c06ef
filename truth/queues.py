"""The true capacity of servers that queueing theory knows: k slots, one queue in order of arrival, arrivals at random.

The response time is the wait and the service. Its percentile grows with the rate, so the capacity for an objective is where the two are equal.

Sources: M/M/k: A. K. Erlang, 1917 (the probability of waiting, "Erlang C"); the response time in D. Gross, J. F. Shortle, J. M. Thompson, C. M. Harris,
"Fundamentals of Queueing Theory", 4th edition, section 2.3. M/D/k: C. D. Crommelin, "Delay probability formulae when the holding times are constant",
1932 (the number in the system seen one service time later); the wait by G. J. Franx, "A simple solution for the M/D/c waiting time distribution",
Operations Research Letters 29 (2001).
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from scipy import optimize, special  # type: ignore[import-untyped]  # scipy ships no types

Service = Literal["deterministic", "exponential"]
FULL = 0.98
"""The highest share of the slots in use that is looked at."""
TAIL = 1e-9
"""Probability of more in the system than are computed."""


def exceeded_exponential(t_s: float, rate: float, slots: int, service_s: float) -> float:
    """M/M/k: the share of requests whose response time exceeds ``t_s``."""
    mu, a = 1 / service_s, rate * service_s
    if a >= slots:
        return 1.0
    wait = erlang_c(a, slots)
    free = slots - a - 1
    if abs(free) < 1e-9:
        return math.exp(-mu * t_s) * (1 + wait * mu * t_s)
    return math.exp(-mu * t_s) * (1 + wait * (1 - math.exp(-mu * t_s * free)) / free)


def erlang_c(load: float, slots: int) -> float:
    """The probability of having to wait at ``load`` erlangs, by the recursion of Erlang's B formula."""
    blocked = 1.0
    for k in range(1, slots + 1):
        blocked = load * blocked / (k + load * blocked)
    return slots * blocked / (slots - load * (1 - blocked))


def exceeded_deterministic(t_s: float, rate: float, slots: int, service_s: float) -> float:
    """M/D/k: the share of requests whose response time exceeds ``t_s``."""
    if rate * service_s >= slots:
        return 1.0
    wait_s = t_s - service_s
    if wait_s < 0:
        return 1.0
    waiting = _waiting(rate * service_s, slots)
    k = math.floor(wait_s / service_s + 1e-12) + 1
    left = rate * (k * service_s - wait_s)
    count = np.arange(k * slots)
    chance = np.exp(-left + count * math.log(left) - special.gammaln(count + 1)) if left > 0 else (count == 0).astype(float)
    at_most = np.minimum(waiting, 1.0)
    index = k * slots - count - 1
    return float(max(0.0, 1 - (at_most[np.minimum(index, len(at_most) - 1)] * chance).sum()))


def _waiting(load: float, slots: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """M/D/k: the probability that at most so many requests wait, by the equations of Crommelin, cut off far in the tail."""
    # In heavy traffic the number that waits is about geometric, with a mean of 1 / 2(1 - ρ), whatever the number of slots.
    size = min(2000, 2 * slots + 60 + math.ceil(-math.log(TAIL) / (2 * (1 - load / slots))))
    n = np.arange(size)
    poisson = np.exp(-load + n * math.log(load) - special.gammaln(n + 1))
    # Column i: from i in the system to n, one service time later: those of the first ``slots`` are gone, Poisson many have come.
    moves = np.zeros((size, size))
    for i in range(size):
        left = max(0, i - slots)
        moves[left:, i] = poisson[: size - left]
        moves[-1, i] += 1 - moves[:, i].sum()
    equations = np.vstack([moves - np.eye(size), np.ones(size)])
    known = np.zeros(size + 1)
    known[-1] = 1.0
    # One of the balances follows from the others: that of the emptiest state gives way to the sum of all.
    found = np.linalg.solve(equations[1:], known[1:])
    whole = np.cumsum(found)
    return whole[slots:]


def capacity(service: Service, slots: int, service_s: float, percentile: float, at_most_s: float) -> float:
    """The largest rate, in requests per second, at which this percentile of the response times is at most ``at_most_s``.

    Raises :class:`ValueError` where not even an idle server keeps the objective.
    """
    exceeded = exceeded_deterministic if service == "deterministic" else exceeded_exponential

    def excess(rate: float) -> float:
        return exceeded(at_most_s, rate, slots, service_s) - (1 - percentile)

    low, high = 1e-3 * slots / service_s, FULL * slots / service_s
    if excess(low) > 0:
        raise ValueError("not even an idle server keeps the objective")
    if excess(high) <= 0:
        return high
    return float(optimize.brentq(excess, low, high, xtol=1e-4 * high))
