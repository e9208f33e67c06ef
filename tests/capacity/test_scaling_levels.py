"""Which levels a scaling is measured at: every size in every repeat, at rates that are too high for it, and only what was saturated counts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave.capacity.scalability import ScalingFit, scaling
from closeshave.capacity.scaling_levels import MULTIPLES, TRIES, ScalingLevel, ScalingStep, measured, next_rate, steps
from closeshave.capacity.usl import Coefficients

REQUESTS = 6.8
"""Of a session."""


def driven(truth: Coefficients, first: float, seed: int, disturbed: set[int] = frozenset()) -> list[ScalingLevel]:  # type: ignore[assignment]  # a default
    """All levels against a platform that does what the law says; those of these numbers are disturbed."""
    found: list[ScalingLevel] = []
    for step in steps(seed):
        while (rate := next_rate(step, found, first)) is not None:
            offered = rate * REQUESTS
            why = "the generator was late" if len(found) in disturbed else ""
            found.append(ScalingLevel(step, offered, min(offered, truth.throughput_per_s(step.size)), rate, why))
    return found


def test_every_size_comes_in_every_repeat_and_each_repeat_in_its_own_order() -> None:
    """The smallest first; the same seed, the same order."""
    found = steps(7)
    assert len(found) == len(MULTIPLES) * 3
    orders = [tuple(each.size for each in found if each.repeat == repeat) for repeat in range(3)]
    assert all(sorted(order) == sorted(MULTIPLES) for order in orders)
    assert len(set(orders)) > 1
    assert found[0].size == 1
    assert found == steps(7)
    assert found != steps(8)


@given(st.floats(10, 1e5), st.floats(0, 0.3), st.floats(0, 0.02), st.floats(0.2, 5), st.integers(0, 1000))
@settings(max_examples=10)
def test_every_level_is_driven_to_saturation_and_the_law_is_found_again(
    one: float, wait: float, tell: float, off: float, seed: int
) -> None:
    """However wrong the first rate was; with few levels too many."""
    truth = Coefficients(one, wait, tell)
    found = driven(truth, one / REQUESTS * off, seed)
    assert len(found) <= len(steps(seed)) + 6
    levels = measured(found)
    assert [len(level.throughputs_per_s) for level in levels] == [3] * len(MULTIPLES)
    fit = scaling(levels, seed, resamples=5)
    assert isinstance(fit, ScalingFit)
    assert fit.coefficients.per_one_per_s == pytest.approx(one, rel=1e-4)
    assert fit.coefficients.contention == pytest.approx(wait, abs=1e-4)


def test_a_disturbed_level_is_driven_again_at_the_same_rate_and_does_not_count() -> None:
    """Some times, and then it is given up."""
    truth = Coefficients(100.0, 0.05, 0.001)
    found = driven(truth, 100.0, 1, {3})
    assert found[4].step == found[3].step
    assert found[4].rate == found[3].rate
    assert sum(len(level.throughputs_per_s) for level in measured(found)) == len(steps(1))
    given_up = driven(truth, 100.0, 1, {3, 4, 5, 6, 7})
    assert sum(len(level.throughputs_per_s) for level in measured(given_up)) == len(steps(1)) - 1
    assert scaling(measured(given_up), 1).because.endswith("has 2 repeats, and each needs at least 3")  # type: ignore[union-attr]  # it is unknown


@pytest.mark.parametrize(
    ("offered", "goodput", "disturbed", "saturated"),
    [(100, 90, "", True), (100, 91, "", False), (100, 0, "", False), (100, 50, "the machine was busy", False)],
)
def test_a_level_counts_where_clearly_less_was_answered_than_offered(
    offered: float, goodput: float, disturbed: str, saturated: bool
) -> None:
    """And something was."""
    assert ScalingLevel(ScalingStep(1, 0), offered, goodput, 10, disturbed).saturated is saturated


def test_a_platform_that_is_never_saturated_is_given_up() -> None:
    """The rate is raised so often, and then nothing is claimed."""
    found: list[ScalingLevel] = []
    step = ScalingStep(1, 0)
    while (rate := next_rate(step, found, 8.0)) is not None:
        found.append(ScalingLevel(step, rate, rate, rate))
    assert [level.rate for level in found] == [8.0, 16.0, 32.0, 64.0, 128.0]
    assert len(found) == TRIES
    assert measured(found) == ()
