"""The formulas by which the truth is known, against others and against a simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.capacity.simulated import Simulated
from truth import queues


@pytest.mark.parametrize(("rate", "t_s"), [(10, 0.05), (40, 0.2), (48, 1.0)])
def test_one_slot_of_exponential_service_is_the_textbooks_line(rate: float, t_s: float) -> None:
    """M/M/1: the response time is exponential with the free capacity."""
    assert queues.exceeded_exponential(t_s, rate, 1, 0.02) == pytest.approx(math.exp(-(50 - rate) * t_s))


def test_erlangs_probability_of_waiting() -> None:
    """Ten slots at eight erlangs, as tables have it."""
    assert queues.erlang_c(8, 10) == pytest.approx(0.4092, abs=1e-4)


def test_one_slot_of_fixed_service_is_erlangs_formula() -> None:
    """M/D/1 by Erlang's series for the wait: P(W ≤ t) = (1 − ρ) Σ (−λ(t − kD))^k / k! · e^{λ(t − kD)}."""
    rate, service_s, wait_s = 40.0, 0.02, 0.05
    terms = [
        (-rate * (wait_s - k * service_s)) ** k / math.factorial(k) * math.exp(rate * (wait_s - k * service_s))
        for k in range(int(wait_s / service_s) + 1)
    ]
    assert queues.exceeded_deterministic(wait_s + service_s, rate, 1, service_s) == pytest.approx(1 - (1 - 0.8) * sum(terms), abs=1e-6)


@pytest.mark.parametrize("service", ["deterministic", "exponential"])
@pytest.mark.parametrize(("slots", "load"), [(1, 0.6), (4, 0.8), (8, 0.85)])
def test_a_simulation_exceeds_a_time_as_often(service: queues.Service, slots: int, load: float) -> None:
    """A hundred thousand requests."""
    rng = np.random.default_rng(7)
    rate = load * slots / 0.02
    sent = np.cumsum(rng.exponential(1 / rate, 100_000))
    need = 0.02 * (rng.exponential(size=len(sent)) if service == "exponential" else np.ones(len(sent)))
    ended, _ = Simulated(slots, 0.02)._serve(sent, need)
    exceeded = queues.exceeded_exponential if service == "exponential" else queues.exceeded_deterministic
    t_s = 0.05
    assert float(np.mean((ended - sent)[2_000:] > t_s)) == pytest.approx(exceeded(t_s, rate, slots, 0.02), rel=0.12, abs=0.006)


@pytest.mark.parametrize("service", ["deterministic", "exponential"])
def test_at_the_capacity_the_percentile_is_the_objective(service: queues.Service) -> None:
    """And a little above it is more."""
    rate = queues.capacity(service, 4, 0.02, 0.95, 0.1)
    exceeded = queues.exceeded_exponential if service == "exponential" else queues.exceeded_deterministic
    assert exceeded(0.1, rate, 4, 0.02) == pytest.approx(0.05, abs=1e-3)
    assert exceeded(0.1, rate * 1.02, 4, 0.02) > 0.05


def test_an_objective_that_no_idle_server_keeps_has_no_capacity() -> None:
    """It is refused."""
    with pytest.raises(ValueError, match="idle"):
        queues.capacity("deterministic", 2, 0.02, 0.95, 0.01)
