"""Figures with intervals: their arithmetic contains the point, and intervals of means and lines cover the truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.capacity.interval import Interval, of_mean, of_slope


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    """Any, above zero."""
    return Interval(*sorted(draw(st.lists(st.floats(1e-3, 1e6), min_size=3, max_size=3))))


def inside(interval: Interval, value: float) -> bool:
    """Whether a value is in it, but for rounding."""
    return interval.low * (1 - 1e-9) <= value <= interval.high * (1 + 1e-9)


@given(intervals(), intervals(), st.floats(0, 1e6), st.floats(0, 1), st.floats(0, 1))
def test_arithmetic_contains_every_value_that_the_figures_allow(a: Interval, b: Interval, by: float, here: float, there: float) -> None:
    """The point among them."""
    for one, other in ((a.point, b.point), (a.low + here * (a.high - a.low), b.low + there * (b.high - b.low))):
        assert inside(a + b, one + other)
        assert inside(a * by, one * by)
        assert inside(a.goes_into(by), by / one)


@given(intervals(), st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_larger_demand_never_takes_fewer(each: Interval, demand: float, more: float) -> None:
    """Not at any end."""
    small, large = each.goes_into(demand), each.goes_into(demand + more)
    assert small.low <= large.low
    assert small.point <= large.point
    assert small.high <= large.high


@pytest.mark.parametrize("wrong", [(-1, 0, 1), (2, 1, 3), (1, 3, 2), (0, 0, math.inf), (math.nan, 1, 2), (0, math.nan, 1)])
def test_an_interval_out_of_order_is_refused(wrong: tuple[float, float, float]) -> None:
    """And one that is not finite."""
    with pytest.raises(ValueError, match="low ≤ point ≤ high"):
        Interval(*wrong)


def test_a_mean_is_as_students_table_says() -> None:
    """Three measurements: 4.303 times the standard error."""
    found = of_mean([9.0, 10.0, 11.0])
    assert (found.low, found.point, found.high) == pytest.approx((10 - 4.303 / math.sqrt(3), 10, 10 + 4.303 / math.sqrt(3)), abs=1e-3)
    assert of_mean([0.0, 1.0]).low == 0
    with pytest.raises(ValueError, match="no interval"):
        of_mean([1.0])


def test_a_slope_is_found_with_its_start() -> None:
    """Memory of so many customers, and of none."""
    slope, start = of_slope([0, 100, 200], [50.0, 60.0, 70.0])
    assert (slope.point, start.point) == pytest.approx((0.1, 50))
    assert slope.high - slope.low < 1e-9
    for sizes, values in (([1, 2], [1.0, 2.0]), ([3, 3, 3], [1.0, 2.0, 3.0])):
        with pytest.raises(ValueError, match="needs three values"):
            of_slope(sizes, values)


def test_intervals_of_a_slope_cover_the_truth() -> None:
    """In 95 of 100; fewer than 170 of 200 happen once in millions."""
    random = np.random.default_rng(1)
    sizes = [0, 0, 100, 100, 200, 200]
    found = [of_slope(sizes, [5 + 0.3 * size + random.normal() for size in sizes]) for _ in range(200)]
    assert sum(slope.low <= 0.3 <= slope.high for slope, _ in found) >= 170
    assert sum(start.low <= 5 <= start.high for _, start in found) >= 170
