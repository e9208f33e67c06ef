"""Whole searches on servers in virtual time whose true capacity queueing theory tells, and on servers with a known trouble."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from closeshave.capacity.character import DriftKind, OverloadKind, drifts, overload
from closeshave.capacity.judging import LevelObjective
from closeshave.capacity.search import SearchEnd, SearchRules, settled, spent_s
from tests.capacity.simulated import Simulated
from truth import queues

LEAST_PER_S = 20
NEAR = (-0.10, 0.05)
"""How far the found capacity may lie from the true one."""


@dataclass(frozen=True)
class Drawn:
    """A server, its objective, and its true capacity."""

    server: Simulated
    objective: LevelObjective
    rules: SearchRules
    true: float

    @property
    def error(self) -> float | None:
        """How far what is found lies from the truth, as a share; ``None`` where no capacity is stated."""
        results = self.server.searched(self.rules, [self.objective])
        assert spent_s(results) <= self.rules.budget_s
        found = settled(self.rules, results)
        return None if found.rate is None else found.rate / self.true - 1


def drawn(seed: int) -> Drawn:
    """A random setting."""
    rng = np.random.default_rng(seed)
    service: queues.Service = ("deterministic", "exponential")[int(rng.integers(2))]
    slots, service_s = int(rng.integers(1, 9)), float(rng.uniform(0.01, 0.05))
    alone_s = service_s * (-np.log(0.05) if service == "exponential" else 1)
    bound_s = float(alone_s * rng.uniform(1.2, 4))
    true = queues.capacity(service, slots, service_s, 0.95, bound_s)
    if true < LEAST_PER_S:
        # A tight objective on one slot: some requests a second, of which a level of seconds decides nothing.
        return drawn(seed + 10_000)
    rules = SearchRules(first=true * float(rng.uniform(0.15, 0.6)), most=100 * true, overload=0)
    return Drawn(
        Simulated(slots, service_s, exponential=service == "exponential", seed=seed), LevelObjective("latency", 0.95, bound_s), rules, true
    )


@pytest.mark.parametrize("seed", [0, 2])
def test_the_capacity_of_a_queue_is_found(seed: int) -> None:
    """Some settings; their seeds are fixed, so that the answer is always the same."""
    error = drawn(seed).error
    assert error is not None
    assert NEAR[0] <= error <= NEAR[1]


@pytest.mark.thorough
def test_eleven_of_twelve_capacities_are_found_and_none_is_stated_too_high() -> None:
    """Over 36 random settings."""
    errors = [drawn(seed).error for seed in range(100, 136)]
    assert sum(error is not None and NEAR[0] <= error <= NEAR[1] for error in errors) >= 33
    assert not [error for error in errors if error is not None and error > NEAR[1]]


PLAIN = LevelObjective("latency", 0.95, 0.15)
RULES = SearchRules(first=40, most=1_000, precise=0.05)
"""Two slots of 20 ms: saturated at 100 requests per second."""


def searched(server: Simulated, rules: SearchRules = RULES) -> tuple[SearchEnd, OverloadKind | None, tuple[DriftKind, ...]]:
    """How its search ends, and what is said of its kind."""
    results = server.searched(rules, [PLAIN])
    found = settled(rules, results)
    above = overload(results, found.rate)
    return found.end, None if above is None else above.kind, tuple(one.kind for one in drifts(results))


def test_a_plain_queue_sheds_nothing_and_does_not_change() -> None:
    """The others wait."""
    assert searched(Simulated(2, 0.02)) == (SearchEnd.FOUND, OverloadKind.QUEUES, ())


def test_a_server_that_sheds_is_called_so() -> None:
    """503 above eight in the system: goodput stays."""
    assert searched(Simulated(2, 0.02, sheds_above=8)) == (SearchEnd.FOUND, OverloadKind.SHEDS, ())


def test_a_server_that_collapses_past_its_knee_is_called_so() -> None:
    """Each waiting request makes the others slower."""
    assert searched(Simulated(2, 0.02, collapses=0.02))[1] is OverloadKind.COLLAPSES


def test_a_leak_is_called_one() -> None:
    """15 % slower every minute."""
    assert searched(Simulated(2, 0.02, slower=lambda s: 1 + 0.15 * s / 60))[2] == (DriftKind.SLOWER,)


def test_a_server_that_warms_up_is_called_cold_and_its_capacity_is_that_of_a_warm_one() -> None:
    """Three times as slow at first, then as fast as it gets within half a minute."""
    server = Simulated(2, 0.02, slower=lambda s: 1 + 2 * float(np.exp(-s / 10)))
    results = server.searched(RULES, [PLAIN])
    assert [one.kind for one in drifts(results)] == [DriftKind.FASTER]
    rate = settled(RULES, results).rate
    assert rate is not None
    assert 0.9 <= rate / queues.capacity("deterministic", 2, 0.02, 0.95, 0.15) <= 1.05


def test_a_generator_that_is_the_limit_is_called_that_and_no_capacity_is_stated() -> None:
    """It sends 60 requests per second at most, and the server could do 100."""
    results = Simulated(2, 0.02, late_above=60).searched(RULES, [PLAIN])
    found = settled(RULES, results)
    assert found.end is SearchEnd.GENERATOR
    assert found.rate is None
    assert overload(results, found.rate) is None
