"""The Universal Scalability Law and its least squares: known coefficients are found, and no other method finds a better fit."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares  # type: ignore[import-untyped]  # scipy ships no types

from closeshave.capacity import usl
from closeshave.capacity.usl import Coefficients
from tests.capacity.points import SIZES, levels
from tests.tiers import examples

ONES, WAITS, TELLS = st.floats(0.01, 1e6), st.floats(0, 0.9), st.floats(0, 0.05)


def points(truth: Coefficients, noise: float, seed: int):
    """Sizes and throughputs, as arrays."""
    made = levels(truth, noise, seed)
    return np.repeat([each.size for each in made], 3), np.concatenate([each.throughputs_per_s for each in made])


@given(ONES, WAITS, TELLS)
@settings(max_examples=examples(50), deadline=None)
def test_exact_points_give_the_coefficients_back(one: float, wait: float, tell: float) -> None:
    """Also at the bounds, and for any unit of throughput."""
    found = usl.fit(*points(Coefficients(one, wait, tell), 0.0, 0))
    assert found.per_one_per_s == pytest.approx(one, rel=1e-5)
    assert found.contention == pytest.approx(wait, abs=1e-5)
    assert found.coherency == pytest.approx(tell, abs=1e-6)


@given(ONES, WAITS, TELLS, st.floats(0.001, 0.3), st.integers(0, 2**32))
@settings(max_examples=examples(20), deadline=None)
def test_no_fit_of_another_method_is_better(one: float, wait: float, tell: float, noise: float, seed: int) -> None:
    """scipy's bounded trust region, from the truth and from the fit: it shares no step with ours."""
    sizes, measured = points(Coefficients(one, wait, tell), noise, seed)

    def errors(logs):
        return np.log(measured) - logs[0] - np.log(sizes / (1 + logs[1] * (sizes - 1) + logs[2] * sizes * (sizes - 1)))

    found = usl.fit(sizes, measured)
    own = [math.log(found.per_one_per_s), found.contention, found.coherency]
    for start in ([math.log(one), wait, tell], own):
        other = least_squares(errors, np.maximum(start, [-np.inf, 1e-12, 1e-12]), bounds=([-np.inf, 0, 0], np.inf))
        assert float((errors(own) ** 2).sum()) <= 2 * other.cost * (1 + 1e-6) + 1e-15


@given(WAITS, TELLS, st.floats(0.001, 0.2), st.integers(0, 2**32))
@settings(max_examples=examples(20), deadline=None)
def test_many_at_once_are_fitted_as_well_as_one_without_bounds(wait: float, tell: float, noise: float, seed: int) -> None:
    """Each as by scipy's method of Levenberg and Marquardt."""
    several = [points(Coefficients(10.0, wait, tell), noise, seed + number) for number in range(3)]
    sizes = several[0][0]
    for (_, measured), found in zip(several, usl.fit_many(sizes, np.array([each[1] for each in several])), strict=True):

        def errors(costs, measured=measured):
            return np.log(measured / sizes) + np.log(np.maximum(costs[0] + costs[1] * (sizes - 1) + costs[2] * sizes * (sizes - 1), 1e-12))

        own = [1 / found.per_one_per_s, found.contention / found.per_one_per_s, found.coherency / found.per_one_per_s]
        other = least_squares(errors, own, method="lm", x_scale=[1, 0.03, 0.001])
        assert float((errors(own) ** 2).sum()) <= 2 * other.cost * (1 + 1e-6) + 1e-15


@given(WAITS, TELLS, st.integers(0, 2**32))
@settings(max_examples=examples(20), deadline=None)
def test_coefficients_keep_their_bounds_whatever_the_noise(wait: float, tell: float, seed: int) -> None:
    """λ above 0, σ and κ not below 0."""
    found = usl.fit(*points(Coefficients(10.0, wait, tell), 1.0, seed))
    assert 0 < found.per_one_per_s < math.inf
    assert found.contention >= 0
    assert found.coherency >= 0


@pytest.mark.parametrize(
    ("coefficients", "best"),
    [
        (Coefficients(1, 0, 0), math.inf),
        (Coefficients(1, 0.5, 0), math.inf),
        (Coefficients(1, 0, 0.01), 10.0),
        (Coefficients(1, 0.1, 0.001), 30.0),
        (Coefficients(1, 1.5, 0), 1.0),
        (Coefficients(1, 0, 4.0), 1.0),
    ],
)
def test_the_best_size_is_where_the_throughput_is_largest(coefficients: Coefficients, best: float) -> None:
    """By the formula, and by trying."""
    assert coefficients.best_size == pytest.approx(best)
    if best < 1000:
        assert max(range(1, 1001), key=coefficients.throughput_per_s) == pytest.approx(best)


def test_a_line_is_found_with_relative_errors() -> None:
    """And its start is not below zero."""
    sizes = np.array(SIZES)
    assert usl.line(sizes, 3 + 2 * sizes) == pytest.approx((3, 2))
    assert usl.line(sizes, np.maximum(2 * sizes - 1.5, 0.1))[0] == 0


@pytest.mark.parametrize(("sizes", "measured"), [([2, 3], [1, 2]), ([1, 2], [0, 1]), ([1, 2], [1, -1]), ([], [])])
def test_what_cannot_be_fitted_is_refused(sizes: list[float], measured: list[float]) -> None:
    """Sizes that do not begin at one, throughputs that are not above zero."""
    with pytest.raises(ValueError, match="sizes begin at 1"):
        usl.fit(np.array(sizes, dtype=float), np.array(measured, dtype=float))
