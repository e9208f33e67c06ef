"""Sessions arrive as a Poisson process at the requested rate, the same for the same seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave.shapes import RampShape, Replayed
from closeshave.traffic import arrivals
from tests.traffic import loads

SHARES = {"a": 0.7, "b": 0.3}
SEEDS = st.integers(0, 2**32)
PHASES = st.lists(st.tuples(st.floats(0.1, 30), st.floats(0.1, 200)), min_size=1, max_size=4)


def flat(_region: str, _elapsed_s: float) -> float:
    """The plan's own rate."""
    return 1.0


@given(PHASES, SEEDS)
@settings(max_examples=50)
def test_arrivals_are_sorted_and_end_before_the_load_does(pairs: list[tuple[float, float]], seed: int) -> None:
    """None comes before the start, after a later one, or at the end."""
    phases = loads.phases(*pairs)
    found = arrivals.poisson(phases, SHARES, flat, np.random.default_rng(seed))
    assert (np.diff(found.at_ns) >= 0).all()
    assert ((found.at_ns >= 0) & (found.at_ns < round(phases[-1].ends_s * 1e9))).all()


@given(PHASES, SEEDS)
@settings(max_examples=20)
def test_the_same_seed_gives_the_same_arrivals(pairs: list[tuple[float, float]], seed: int) -> None:
    """Instants and regions, bit for bit."""
    one, other = (arrivals.poisson(loads.phases(*pairs), SHARES, flat, np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(one.at_ns, other.at_ns)
    assert np.array_equal(one.region, other.region)


@given(SEEDS)
@settings(max_examples=20)
def test_the_rate_of_each_phase_and_region_is_recovered(seed: int) -> None:
    """Counts lie within five standard deviations of a Poisson count, whose variance is its mean."""
    phases = loads.phases((100, 50), (50, 200), (0.5, 1000))
    found = arrivals.poisson(phases, SHARES, flat, np.random.default_rng(seed))
    for phase in phases:
        inside = (found.at_ns >= phase.starts_s * 1e9) & (found.at_ns < phase.ends_s * 1e9)
        for index, share in enumerate(SHARES.values()):
            expected = phase.duration_s * phase.sessions_per_s * share
            assert abs((inside & (found.region == index)).sum() - expected) < 5 * expected**0.5


@given(SEEDS)
@settings(max_examples=10)
def test_gaps_are_exponential(seed: int) -> None:
    """Their standard deviation equals their mean, unlike in a regular schedule."""
    gaps = np.diff(arrivals.poisson(loads.phases((100, 100)), {"a": 1.0}, flat, np.random.default_rng(seed)).at_ns)
    assert gaps.std() / gaps.mean() == pytest.approx(1, abs=0.08)


def test_a_region_at_rate_zero_has_no_arrivals() -> None:
    """A factor of 0 gives a region no arrivals, a factor of 2 doubles them."""
    factors = {"a": 0.0, "b": 2.0}
    found = arrivals.poisson(loads.phases((100, 100)), SHARES, lambda region, _: factors[region], np.random.default_rng(1))
    assert set(found.region.tolist()) == {1}
    assert len(found) == pytest.approx(100 * 100 * 0.3 * 2, rel=0.05)


@pytest.mark.parametrize(("per_s", "phase_s", "expected"), [(10, 0.05, 20), (1, 0.5, 2), (1, 0.0, 2), (0, 0.5, 0), (0.1, 5.0, 0)])
def test_steady_arrivals_keep_their_gap(per_s: float, phase_s: float, expected: int) -> None:
    """So many within two seconds, evenly spaced."""
    found = arrivals.steady(per_s, 2.0, phase_s)
    assert len(found) == expected
    assert set(np.diff(found).tolist()) <= {round(1e9 / per_s) if per_s else 0}


def test_a_shaped_phase_has_the_arrivals_of_its_shape() -> None:
    """A ramp from nothing has a quarter of its arrivals in its first half; the phase after it is its own."""
    ramp, calm = loads.phases((100, 200), (10, 100))
    phases = (replace(ramp, shape=RampShape("ramp")), calm)
    at_s = arrivals.poisson(phases, SHARES, flat, np.random.default_rng(5)).at_ns / 1e9
    counts = [((at_s >= start) & (at_s < end)).sum() for start, end in ((0, 50), (50, 100), (100, 110))]
    for count, expected in zip(counts, (2500, 7500, 1000), strict=True):
        assert abs(count - expected) < 5 * expected**0.5


def test_what_was_recorded_is_replayed_at_its_instants(tmp_path: Path) -> None:
    """Counted from the phase's start, up to its end, distributed over the regions."""
    file = tmp_path / "arrivals.txt"
    file.write_text("".join(f"{at_s}\n" for at_s in (0, 0.25, 3.5, 9.999, 10, 12)))
    before, phase = loads.phases((5, 0.0001), (10, 100))
    phases = (before, replace(phase, shape=Replayed("replayed", str(file))))
    found = arrivals.poisson(phases, SHARES, flat, np.random.default_rng(5))
    assert (found.at_ns / 1e9).tolist() == pytest.approx([5, 5.25, 8.5, 14.999])
    assert set(found.region.tolist()) <= {0, 1}


@pytest.mark.parametrize("text", ["1\n0.5\n", "-1\n", "soon\n", "nan\n", "0\nnan\n1\n", "0\ninf\n", "0\n1e300\n", "1 2\n3 4\n"])
def test_a_file_that_cannot_be_replayed_is_refused(tmp_path: Path, text: str) -> None:
    """Instants ascend from 0."""
    file = tmp_path / "arrivals.txt"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"ascend|could not convert|one instant per line"):
        arrivals.replayed(file, 10)
