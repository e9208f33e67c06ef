"""Draws the franchises that a defect affects by traffic weight, because a defect without traffic breaks no visible promise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from closeshave.plan import Plan
from closeshave.topology import Topology
from closeshave.traffic.population import populate

POPULATION_STREAM = 4
"""The stream of the plan's seed from which popularity is drawn (:mod:`closeshave.traffic.visits`)."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Franchises and their share of the traffic, 0 to 1."""

    franchises: frozenset[int]
    share: float


NOBODY = Drawn(frozenset(), 0.0)


def by_weight(plan: Plan, topology: Topology, count: int, seed: int) -> Drawn:
    """Draw ``count`` franchises, each with a probability equal to its share of the traffic."""
    ids, weights = traffic(plan, topology)
    chosen = np.random.default_rng([plan.seed, seed]).choice(len(ids), count, replace=False, p=weights)
    return Drawn(frozenset(ids[chosen].tolist()), float(weights[chosen].sum()))


def hottest(plan: Plan, topology: Topology, share: float) -> Drawn:
    """The franchises with the most traffic that together have ``share`` of it."""
    ids, weights = traffic(plan, topology)
    order = np.argsort(-weights, kind="stable")
    count = max(1, int(np.searchsorted(np.cumsum(weights[order]), share)))
    return Drawn(frozenset(ids[order[:count]].tolist()), float(weights[order[:count]].sum()))


def traffic(plan: Plan, topology: Topology) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Every franchise with customers, and its share of the traffic."""
    rng = np.random.default_rng([plan.seed, POPULATION_STREAM])
    population = populate(topology, plan.traffic.zipf, plan.traffic.popular_ids, rng)
    within = [np.diff(running, prepend=0.0) for running in population.cumulative]
    weights = np.concatenate([share * each for share, each in zip(population.shares, within, strict=True)])
    return np.concatenate(population.ids), weights / weights.sum()


def detection(share: float, trials: int) -> float:
    """The probability that at least one of so many independent requests goes to the drawn franchises."""
    return float(1 - (1 - share) ** trials)
