"""The formulas: limits that are known, and directions that never turn."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.claims import load, planned, recovery, zipf
from closeshave.claims.finding import percent, short, span

SHARES = st.floats(0.5, 0.99999)
TIMES = st.floats(0.1, 1e6)
COUNTS = st.integers(1, 20_000)
EXPONENTS = st.floats(0, 3)


def exact(lookups_per_s: float, ttl_s: float, count: int, exponent: float) -> float:
    """The same as :func:`zipf.hit_ratio`, rank by rank."""
    weights = [rank**-exponent for rank in range(1, count + 1)]
    total = math.fsum(weights)
    stored = lookups_per_s * ttl_s
    return math.fsum(each / total * (each / total * stored) / (1 + each / total * stored) for each in weights)


@given(SHARES, TIMES)
def test_an_outage_as_long_as_the_budget_burns_all_of_it(availability: float, over_s: float) -> None:
    """Half of it burns half."""
    outage_s = recovery.budget_s(availability, over_s)
    assert recovery.burnt(outage_s, 1.0, availability, over_s) == pytest.approx(1)
    assert recovery.burnt(outage_s, 0.25, availability, over_s) == pytest.approx(0.25)


@given(SHARES, TIMES, TIMES, st.integers(1, 100))
def test_shards_burn_the_whole_together(availability: float, over_s: float, outage_s: float, shards: int) -> None:
    """One of n burns an nth."""
    whole = recovery.burnt(outage_s, 1.0, availability, over_s)
    assert shards * recovery.burnt(outage_s, 1 / shards, availability, over_s) == pytest.approx(whole)


@given(st.integers(1, 10**9), st.floats(0.001, 1e4), st.floats(0, 100))
def test_users_have_one_request_each_under_way_or_in_thought(users: int, think_s: float, response_s: float) -> None:
    """Little's law: rate × (think time + response time) is the number of users."""
    assert load.requests_per_s(users, think_s, response_s) * (think_s + response_s) == pytest.approx(users)
    assert load.requests_per_s(users, think_s, response_s) >= load.requests_per_s(users, think_s * 2, response_s)


@given(st.floats(0.01, 1e6), st.floats(0.1, 1e6), COUNTS, EXPONENTS)
def test_the_hit_ratio_is_that_of_every_rank_summed(lookups_per_s: float, ttl_s: float, count: int, exponent: float) -> None:
    """Blocks of ranks cost less than a thousandth."""
    assert zipf.hit_ratio(lookups_per_s, ttl_s, count, exponent) == pytest.approx(exact(lookups_per_s, ttl_s, count, exponent), abs=1e-3)


@given(st.floats(0.01, 1e6), st.floats(0.1, 1e6), COUNTS, EXPONENTS)
def test_more_lookups_longer_lives_and_fewer_franchises_hit_more(lookups_per_s: float, ttl_s: float, count: int, exponent: float) -> None:
    """And the rate and the time to live count only as their product."""
    base = zipf.hit_ratio(lookups_per_s, ttl_s, count, exponent)
    assert 0 <= base < 1
    assert zipf.hit_ratio(lookups_per_s * 2, ttl_s, count, exponent) >= base - 1e-9
    assert zipf.hit_ratio(lookups_per_s, ttl_s, count * 2, exponent) <= base + 1e-3
    assert zipf.hit_ratio(lookups_per_s * 2, ttl_s / 2, count, exponent) == pytest.approx(base)


@given(st.floats(0.01, 1e4), st.floats(1, 1e5), st.integers(1, 1000))
def test_equally_popular_franchises_hit_like_one_with_an_nth_of_the_rate(lookups_per_s: float, ttl_s: float, count: int) -> None:
    """An exponent of 0 is the formula of one entry."""
    stored = lookups_per_s * ttl_s / count
    assert zipf.hit_ratio(lookups_per_s, ttl_s, count, 0.0) == pytest.approx(stored / (1 + stored))


@given(st.floats(0.01, 0.999), st.floats(1, 1e5), COUNTS, st.floats(0, 1.5))
def test_the_lookups_needed_are_just_enough(ratio: float, ttl_s: float, count: int, exponent: float) -> None:
    """And a hundredth less is not."""
    needed = zipf.lookups_needed(ratio, ttl_s, count, exponent)
    assert needed is not None
    assert zipf.hit_ratio(needed, ttl_s, count, exponent) >= ratio
    assert zipf.hit_ratio(needed * 0.99, ttl_s, count, exponent) < ratio


@given(COUNTS, COUNTS, EXPONENTS)
def test_the_most_popular_have_at_least_their_part(one: int, other: int, exponent: float) -> None:
    """Exactly their part if all are equally popular, and everything if they are all."""
    most, count = min(one, other), max(one, other)
    share = zipf.head(most, count, exponent)
    assert most / count - 1e-3 <= share <= 1 + 1e-9
    assert zipf.head(count, count, exponent) == 1
    assert zipf.head(most, count, 0.0) == pytest.approx(most / count)


@given(st.floats(0, 1), st.floats(0.1, 1e4), st.floats(0.1, 1e4))
def test_no_outage_spoils_more_than_everything(affected: float, outage_s: float, run_s: float) -> None:
    """Nor one that outlasts its run."""
    assert 0 <= planned.bad_share(affected, outage_s, run_s) <= affected
    assert planned.bad_share(affected, run_s, run_s) == pytest.approx(affected)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (span(259.2), "4.32 min"), (span(300), "5 min"), (span(30), "30 s"), (span(0.1), "100 ms"), (span(86400), "24 h"), (span(30 * 86400), "30 days"),
        (percent(1.157), "116 %"), (percent(0.289), "29 %"), (percent(0.01389), "1.4 %"), (percent(0.0001), "0.01 %"), (short(140_845.07), "140,845"),
        (short(1.408), "1.41"),
    ],
)  # fmt: skip
def test_figures_are_written_so_that_one_can_calculate_with_them(said: str, wanted: str) -> None:
    """One unit, three digits."""
    assert said == wanted
