"""All customers' visits of a load, computed before the first one starts: when, from which region, at which franchise. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from closeshave.traffic.arrivals import Factor, poisson
from closeshave.traffic.load import Load, LoadPhase
from closeshave.traffic.population import Population, populate

POPULAR = 1000
"""Contests take place at this many most popular franchises of a region, where real customers compete too."""


@dataclass(frozen=True, slots=True)
class Visits:
    """Columns, one row for each visit, in the order of arrival."""

    at_ns: npt.NDArray[np.int64]
    """Nanoseconds after the load's start."""
    contest: npt.NDArray[np.bool_]
    """Whether two customers compete for one slot, instead of one customer's visit."""
    home: npt.NDArray[np.int16]
    """Index into ``load.topology.regions``."""
    entered: npt.NDArray[np.int16]
    """The region of the edge; differs from ``home`` for customers who are travelling."""
    franchise: npt.NDArray[np.int32]
    account: npt.NDArray[np.int64]
    """The account's number, modulo the number of accounts at home."""
    seed: npt.NDArray[np.int64]
    """The seed for everything that the customer decides at random."""

    def __len__(self) -> int:
        return len(self.at_ns)


def plan_visits(load: Load, factor: Factor) -> Visits:
    """The visits of ``load``; the same load gives the same visits."""
    arriving, choosing, roaming, contesting = (np.random.default_rng([load.seed, stream]) for stream in range(4))
    population = populate(load.topology, load.traffic.zipf, load.traffic.popular_ids, np.random.default_rng([load.seed, 4]))
    shares = dict(zip(population.regions, population.shares, strict=True))
    sessions = poisson(load.phases, shares, factor, arriving)
    contests = poisson(_contest_phases(load), shares, lambda _region, _elapsed: 1.0, contesting)
    at_ns = np.concatenate([sessions.at_ns, contests.at_ns])
    home = np.concatenate([sessions.region, contests.region])
    contest = np.arange(len(at_ns)) >= len(sessions)
    order = np.argsort(at_ns, kind="stable")
    at_ns, home, contest = at_ns[order], home[order], contest[order]
    franchise = _franchises(population, home, contest, choosing)
    home = np.array([load.topology.regions.index(region) for region in population.regions], dtype=np.int16)[home]
    return Visits(
        at_ns=at_ns,
        contest=contest,
        home=home,
        entered=_entered(load, home, roaming),
        franchise=franchise,
        account=choosing.integers(0, 2**31, len(at_ns)),
        seed=choosing.integers(0, 2**62, len(at_ns)),
    )


def _contest_phases(load: Load) -> list[LoadPhase]:
    return [LoadPhase(phase.name, phase.role, phase.starts_s, phase.duration_s, load.traffic.contests_per_s) for phase in load.phases]


def _franchises(
    population: Population, home: npt.NDArray[np.int16], contest: npt.NDArray[np.bool_], rng: np.random.Generator
) -> npt.NDArray[np.int32]:
    chosen = np.zeros(len(home), dtype=np.int32)
    for index in range(len(population.regions)):
        browsing, racing = (home == index) & ~contest, (home == index) & contest
        chosen[browsing] = population.franchises(index, int(browsing.sum()), rng)
        chosen[racing] = rng.choice(population.popular(index, POPULAR), int(racing.sum()))
    return chosen


def _entered(load: Load, home: npt.NDArray[np.int16], rng: np.random.Generator) -> npt.NDArray[np.int16]:
    count = len(load.topology.regions)
    if count < 2:
        return home
    away = rng.random(len(home)) < load.traffic.roaming
    return np.where(away, (home + rng.integers(1, count, len(home))) % count, home).astype(np.int16)


def login_share(load: Load, profile_views_per_session: float, logins_per_s: float) -> float:
    """The probability that a profile request begins with a log-in, so that there are ``logins_per_s`` log-ins per second at the highest rate.

    1 for customers who never look at their profile: it is not asked for.
    Pure and fixed in advance, because a limiter that reads the clock would make a run depend on the speed of the platform.
    """
    peak: Mapping[str, float] = {phase.name: phase.sessions_per_s for phase in load.phases}
    views_per_s = max(peak.values()) * profile_views_per_session
    return min(1.0, logins_per_s / views_per_s) if views_per_s > 0 else 1.0
