"""Arrivals follow their rate, are the same for the same seed, and are split without overlap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.loadgen import rates
from closeshave.loadgen.rates import ArrivalRate, Constant, Diurnal, Ramp, Spike, Steps, evenly, poisson, replay, share

SHAPES = [
    (Constant(100.0), 1000.0),
    (Ramp(0.0, 200.0, over_s=10.0), 1000.0),
    (Steps((50.0, 150.0), each_s=5.0), 1000.0),
    (Spike(50.0, 550.0, at_s=4.0, half_life_s=1.0), 500 + 500 * (1 - 0.5**6) / np.log(2)),
    (Diurnal(100.0, (1.0,) * 24), 1000.0),
]


@pytest.mark.parametrize(("rate", "expected"), SHAPES)
def test_the_number_of_arrivals_is_the_integral_of_the_rate(rate: ArrivalRate, expected: float) -> None:
    """Evenly to within one (and the grid), Poisson within five standard deviations."""
    assert abs(len(evenly(rate, 10.0)) - expected) <= 2
    assert abs(len(poisson(rate, 10.0, np.random.default_rng(1))) - expected) <= 5 * expected**0.5


def test_a_constant_rate_has_equal_gaps() -> None:
    """1,000/s: a millisecond each, the first half a gap after the start."""
    at_ns = evenly(Constant(1000.0), 2.0)
    assert len(at_ns) == 2000
    assert abs(at_ns[0] - 500_000) <= 1
    assert np.abs(np.diff(at_ns) - 1_000_000).max() <= 2


def test_poisson_gaps_are_exponential() -> None:
    """Mean and standard deviation of the gaps are equal, and a share of 1/e is longer than the mean."""
    gaps_s = np.diff(poisson(Constant(1000.0), 100.0, np.random.default_rng(3))) / 1e9
    assert abs(gaps_s.mean() - 1e-3) < 2e-5
    assert abs(gaps_s.std() - 1e-3) < 2e-5
    assert abs((gaps_s > 1e-3).mean() - np.exp(-1)) < 0.01


@given(seed=st.integers(0, 2**32 - 1), duration_s=st.floats(0.05, 20.0))
def test_the_same_seed_gives_the_same_arrivals_in_order_and_in_time(seed: int, duration_s: float) -> None:
    """Reproducible, ascending, none before the start or at the end."""
    first, second = (poisson(Ramp(10.0, 500.0, 5.0), duration_s, np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.all(np.diff(first) >= 0)
    assert first.size == 0 or (first[0] >= 0 and first[-1] < duration_s * 1e9)


@given(workers=st.integers(1, 9), count=st.integers(0, 200))
def test_workers_share_without_overlap_and_miss_none(workers: int, count: int) -> None:
    """All shares together are the whole."""
    whole = np.arange(count, dtype=np.int64)
    parts = [share(whole, worker, workers) for worker in range(workers)]
    assert sorted(np.concatenate(parts).tolist()) == whole.tolist()
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_instants_are_replayed_from_a_file(tmp_path: Path) -> None:
    """Seconds, one per line; instants that do not ascend are refused."""
    path = tmp_path / "arrivals.txt"
    path.write_text("0.5\n0.5\n1.25\n")
    assert replay(path).tolist() == [500_000_000, 500_000_000, 1_250_000_000]
    path.write_text("1\n0.5\n")
    with pytest.raises(ValueError, match="ascend"):
        replay(path)


@pytest.mark.parametrize("profile", [rates.evening(100.0), rates.friday(100.0), rates.campaign(10.0)])
def test_profiles_peak_where_they_say(profile: ArrivalRate) -> None:
    """Evening, Friday and a campaign reach 100/s at their peak, and never more."""
    per_s = profile.per_s(np.arange(0.0, 86_400.0, 10.0))
    assert 99.0 < per_s.max() <= 100.0
    assert per_s.min() > 0


def test_a_negative_rate_is_refused() -> None:
    """A ramp that goes below zero is a mistake in the plan."""
    with pytest.raises(ValueError, match="negative"):
        evenly(Ramp(10.0, -10.0, 5.0), 10.0)
