"""The confidence of a figure."""

import numpy as np
import pytest
import scipy  # type: ignore[import-untyped]  # scipy ships no types
from hypothesis import assume, given
from hypothesis import strategies as st

from closeshave.judge.evidence.windows import NEVER_NS
from closeshave.judge.measures.sampling import percentile_bounds_ns, percentile_ns, requests_to_settle, share_bounds


@pytest.mark.parametrize(("n", "proven"), [(29_955, False), (29_956, True)])
def test_four_nines_need_29956_requests_without_a_failure(n: int, proven: bool) -> None:
    """ln 0.05 / ln 0.9999, rounded up: one request fewer proves nothing."""
    assert (share_bounds(n, n, 0.95)[0] >= 0.9999) == proven


def test_the_number_of_requests_that_settle_is_the_known_one() -> None:
    """With no failure so far, 100 requests need to become 29,956."""
    assert requests_to_settle(0, 100, 0.0001, 0.95) == 29_956


def test_a_rate_on_its_bound_is_never_settled() -> None:
    """No affordable sample distinguishes a rate from the bound that it equals."""
    assert requests_to_settle(1, 100, 0.01, 0.95) is None


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 5)])
def test_an_impossible_sample_is_refused(successes: int, n: int) -> None:
    """More successes than trials, or no trial at all, is an error and not a figure."""
    with pytest.raises(ValueError, match="not a sample"):
        share_bounds(successes, n, 0.95)


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bounds_are_clopper_pearson(sample: tuple[int, int]) -> None:
    """At each bound, the chance of a sample at least as far away is exactly the error allowed."""
    successes, n = sample
    low, high = share_bounds(successes, n, 0.95)
    assert 0 <= low <= successes / n <= high <= 1
    if successes:
        assert scipy.stats.binom.sf(successes - 1, n, low) == pytest.approx(0.05, rel=1e-6)
    if successes < n:
        assert scipy.stats.binom.cdf(successes, n, high) == pytest.approx(0.05, rel=1e-6)


@pytest.mark.parametrize(
    ("n", "percentile", "expected"),
    [
        (1, 0.95, 1),
        (20, 0.95, 19),
        (21, 0.95, 20),
        (100, 0.95, 95),
        (100, 0.99, 99),
        (1000, 0.999, 999),
        (4, 0.5, 2),
        (100, 0.55, 55),
        (100, 0.07, 7),
    ],
)
def test_a_percentile_is_an_observed_value(n: int, percentile: float, expected: int) -> None:
    """Nearest rank over 1 … n, in spite of the rounding of binary fractions."""
    values = np.arange(n, 0, -1, dtype=np.int64)
    assert percentile_ns(values, percentile) == expected


@given(st.integers(1, 400), st.integers(0, 400), st.sampled_from([0.5, 0.95, 0.99]))
def test_percentiles_and_shares_are_decided_alike(n: int, kept: int, percentile: float) -> None:
    """ "The upper bound is within the objective" and "the share's lower bound reaches the percentile" are one statement."""
    kept = min(kept, n)
    values = np.array([1] * kept + [3] * (n - kept), dtype=np.int64)
    low, high = percentile_bounds_ns(values, percentile, 0.95)
    share_low, share_high = share_bounds(kept, n, 0.95)
    # At the very bound the last binary digit decides, and either answer is right.
    assume(abs(share_low - percentile) > 1e-9 and abs(share_high - percentile) > 1e-9)
    assert (high <= 2) == (share_low >= percentile)
    assert (low > 2) == (share_high < percentile)


def test_a_sample_that_is_too_small_has_no_upper_bound() -> None:
    """58 requests cannot bound a p95 at 95 % confidence, 59 can (0.95^59 < 0.05)."""
    assert percentile_bounds_ns(np.ones(58, dtype=np.int64), 0.95, 0.95)[1] == NEVER_NS
    assert percentile_bounds_ns(np.ones(59, dtype=np.int64), 0.95, 0.95)[1] == 1
