"""What blocks say of a metric: intervals that cover, and probabilities that are not too small."""

import math

import numpy as np
import pytest
import scipy  # type: ignore[import-untyped]  # scipy ships no types
from hypothesis import given
from hypothesis import strategies as st

from closeshave import quantiles
from closeshave.gate.effects import EXACT_MOST, at_least, of_ratios, of_shares

CHANGES = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=2, max_size=9)
ONCE_IN_A_MILLION = 1e-6


@given(CHANGES)
def test_ratios_are_judged_as_scipys_t_test_judges_them(changes):
    """Another implementation of the same test."""
    found = of_ratios(changes)
    if np.std(changes, ddof=1) < 1e-9:
        return
    expected = scipy.stats.ttest_1samp(changes, 0, alternative="greater")
    assert found.by_chance_worse == pytest.approx(float(expected.pvalue), rel=1e-6, abs=1e-12)
    low, high = scipy.stats.ttest_1samp(changes, 0).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((float(low), float(high)), rel=1e-6, abs=1e-9)


@given(st.lists(st.integers(-1000, 1000).map(float), min_size=2, max_size=9))
def test_shares_are_judged_as_scipys_permutation_test_judges_them(changes):
    """Another implementation of the same test."""
    expected = scipy.stats.permutation_test(
        (np.array(changes),), lambda x, axis: np.sum(x, axis=axis), permutation_type="samples", alternative="greater", n_resamples=np.inf
    )
    assert of_shares(changes).by_chance_worse == pytest.approx(float(expected.pvalue))


def test_six_blocks_that_all_got_worse_happen_by_chance_once_in_64():
    """The smallest probability that six blocks can have; without any failure it is 1."""
    assert at_least(np.array([0.1, 0.2, 0.3, 0.1, 0.2, 0.5])) == 1 / 64
    assert at_least(np.zeros(6)) == 1


@given(CHANGES, st.floats(0.1, 10))
def test_the_other_direction_is_the_mirror_image(changes, factor):
    """And another unit changes no probability."""
    for judge in (of_ratios, of_shares):
        there, back = judge(changes), judge([-each for each in changes])
        assert there.by_chance_worse == pytest.approx(back.by_chance_better)
        assert there.mean == pytest.approx(-(back.mean or 0), abs=1e-12)


@pytest.mark.parametrize("judge", [of_ratios, of_shares])
def test_the_interval_covers_the_true_change_as_often_as_it_says(judge):
    """Each bound is wrong in 5 of 100; the limit is exceeded by chance once in a million seeds."""
    random, n = np.random.default_rng(3), 1500
    missed = [0, 0]
    for _ in range(n):
        found = judge(list(random.normal(0.02, 0.05, 6)))
        missed[0] += found.low is not None and found.low > 0.02
        missed[1] += found.high is not None and found.high < 0.02
    limit = quantiles.binomial(1 - ONCE_IN_A_MILLION, n, 0.05)
    assert max(missed) <= limit
    # Not so wide that it would say nothing either.
    assert min(missed) >= quantiles.binomial(ONCE_IN_A_MILLION, n, 0.045)


def test_failures_in_bursts_do_not_deceive_the_exact_test():
    """A burst of failures in one leg in ten: the probability stays at most what it says, where one for independent requests would not."""
    random, n = np.random.default_rng(5), 1500
    alarms = 0
    for _ in range(n):
        bursts = np.where(random.random((6, 2)) < 0.1, random.integers(1, 200, (6, 2)) / 4000, 0.0)
        alarms += of_shares(list(bursts[:, 1] - bursts[:, 0])).by_chance_worse <= 0.05
    assert alarms <= quantiles.binomial(1 - ONCE_IN_A_MILLION, n, 0.05)


def test_too_few_blocks_claim_nothing():
    """Neither bounds nor an improbable change."""
    for judge in (of_ratios, of_shares):
        assert judge([]).mean is None
        assert judge([0.3]).by_chance_worse == 1
    four = of_shares([0.1, 0.1, 0.2, 0.3])
    assert (four.low, four.high, four.by_chance_worse) == (None, None, 1 / 16)


def test_blocks_without_any_spread_claim_nothing():
    """The same figure to the last bit in every block is a broken measurement, not certainty."""
    assert of_ratios([0.1] * 6).by_chance_worse == 1
    assert of_ratios([0.1] * 6).low is None


def test_too_many_blocks_for_an_exact_test_are_refused():
    """Rather than minutes of work and gigabytes."""
    with pytest.raises(ValueError, match="at most 20"):
        of_shares([0.0] * (EXACT_MOST + 1))
    assert math.isclose(of_shares([0.001] * EXACT_MOST).by_chance_worse, 2**-EXACT_MOST)
