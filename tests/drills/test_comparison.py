"""The comparison of a new release with the one that runs: its chance of a false stop, and what it notices. Known answers, exact means, simulated runs."""

from __future__ import annotations

import math
import random
from collections import Counter
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave.drills.deploy import comparison
from closeshave.drills.deploy.comparison import EVERYWHERE, OTHERS, THETAS, BlockCounts, SequentialComparison, log_ratio
from closeshave.drills.deploy.noticing import noticed_from

CHANCE = 0.01
ENDPOINTS = {"GET /slots": 0.6, "GET /franchise": 0.25, "POST /book": 0.09, "POST /login": 0.06}
"""With their shares of the traffic."""


def chances(counts: BlockCounts, theta: float) -> dict[int, float]:
    """How likely each number of bad requests of the new release is, given the margins of a block and the odds ratio; by counting."""
    bad = counts.new_bad + counts.old_bad
    weights = {
        x: math.comb(counts.new, x) * math.comb(counts.old, bad - x) * theta**x
        for x in range(max(0, bad - counts.old), min(counts.new, bad) + 1)
    }
    whole = sum(weights.values())
    return {x: weight / whole for x, weight in weights.items()}


@st.composite
def blocks(draw: st.DrawFn) -> BlockCounts:
    """A block of up to 30 requests."""
    new, old = draw(st.integers(0, 10)), draw(st.integers(0, 20))
    return BlockCounts(new, draw(st.integers(0, new)), old, draw(st.integers(0, old)))


@given(blocks(), st.sampled_from(THETAS), st.sampled_from([0.2, 0.7, 1.0]))
@settings(deadline=None)
def test_a_blocks_factor_has_a_mean_of_at_most_one_for_a_release_that_is_no_worse(block: BlockCounts, theta: float, truth: float) -> None:
    """Exactly 1 for an equal one, less for a better one: what the chance of a false stop rests on."""
    bad = block.new_bad + block.old_bad
    mean = sum(
        chance * math.exp(log_ratio(BlockCounts(block.new, x, block.old, bad - x), theta)) for x, chance in chances(block, truth).items()
    )
    assert mean <= 1 + 1e-9
    if truth == 1.0:
        assert mean == pytest.approx(1)


@given(blocks(), st.sampled_from(THETAS))
@settings(deadline=None)
def test_a_blocks_factor_is_the_ratio_of_two_counted_probabilities(block: BlockCounts, theta: float) -> None:
    """Of Fisher's noncentral hypergeometric distribution and the central one."""
    expected = chances(block, theta)[block.new_bad] / chances(block, 1.0)[block.new_bad]
    assert math.exp(log_ratio(block, theta)) == pytest.approx(expected)


def simulated(
    seed: int, seconds: int, *, share: float = 0.1, rate: int = 40, bad: float = 0.02, new_bad: float | None = None, only: str = ""
) -> int | None:
    """The second after which a release is stopped; ``None``: it is not. ``new_bad`` is its share of bad requests, ``only`` at one endpoint."""
    draw = random.Random(seed)
    found = SequentialComparison(("errors",), CHANCE)
    for second in range(seconds):
        # Both are worse together at times: a comparison at the same time must not mind.
        usual = bad * draw.choice((0.0, 1.0, 1.0, 3.0))
        counted: Counter[tuple[str, str]] = Counter()
        for endpoint in draw.choices(list(ENDPOINTS), list(ENDPOINTS.values()), k=rate):
            new = draw.random() < share
            worse = new and new_bad is not None and only in {"", endpoint}
            counted[endpoint, "new" if new else "old"] += 1
            counted[endpoint, "new_bad" if new else "old_bad"] += draw.random() < (new_bad if worse and new_bad is not None else usual)
        found.take(
            "errors", {each: BlockCounts(*(counted[each, name] for name in ("new", "new_bad", "old", "old_bad"))) for each in ENDPOINTS}
        )
        if found.worse:
            return second
    return None


@pytest.mark.parametrize(("comparisons", "most"), [(100, 5), pytest.param(300, 9, marks=pytest.mark.thorough)])
def test_equal_releases_are_stopped_no_more_often_than_stated(comparisons: int, most: int) -> None:
    """Each of 90 s, looked at after every second. At 1 % more than so many would happen in fewer than one of 1,000 tests."""
    stopped = [simulated(seed, 90, bad=0.05) for seed in range(comparisons)]
    assert sum(each is not None for each in stopped) <= most


def test_what_looks_like_a_comparison_but_peeks_would_be_stopped_more_often() -> None:
    """The test above can fail: with the factors of a hundred times the evidence far more than 1 % are stopped."""
    stopped = 0
    for seed in range(60):
        draw, found = random.Random(seed), SequentialComparison(("errors",), 0.9)
        for _ in range(90):
            new, old = draw.randint(1, 8), draw.randint(20, 40)
            found.take(
                "errors",
                {"a": BlockCounts(new, sum(draw.random() < 0.1 for _ in range(new)), old, sum(draw.random() < 0.05 for _ in range(old)))},
            )
        stopped += found.worse
    assert stopped > 20


def test_a_release_with_20_percent_errors_is_stopped_within_seconds() -> None:
    """At 10 % of 40 requests a second, in each of 40 runs: fewer than 40 requests are hurt."""
    stopped = [simulated(seed, 60, bad=0.002, new_bad=0.2) for seed in range(40)]
    assert None not in stopped
    assert max(each for each in stopped if each is not None) < 45
    assert sorted(each for each in stopped if each is not None)[20] < 20


@pytest.mark.parametrize(("only", "within"), [("GET /slots", 10), ("GET /franchise", 25), ("POST /login", 45)])
def test_a_release_that_is_slow_at_one_endpoint_is_stopped(only: str, within: int) -> None:
    """Each of its requests there is slower than the bound, and 2 % of the others; also at an endpoint that has 6 % of the traffic."""
    stopped = [simulated(seed, 90, new_bad=1.0, only=only) for seed in range(20)]
    assert None not in stopped
    assert sorted(each for each in stopped if each is not None)[15] < within


def test_one_bad_second_stops_nothing() -> None:
    """A process that stalls delays all of its own requests: no evidence about its release, however many there were."""
    found = SequentialComparison(("errors",), CHANCE)
    found.take("errors", {"a": BlockCounts(50, 50, 450, 0)})
    assert not found.worse
    assert found.found.evidence < comparison.BLOCK_FACTOR_MOST


def test_a_better_release_is_not_stopped() -> None:
    """However much better."""
    found = SequentialComparison(("errors",), CHANCE)
    for _ in range(100):
        found.take("errors", {"a": BlockCounts(10, 0, 90, 30)})
    assert found.found.evidence < 1


def test_the_strongest_evidence_is_named_with_its_counts() -> None:
    """Measure, endpoint, and what was counted there."""
    found = SequentialComparison(("errors", "slow"), CHANCE)
    for _ in range(20):
        quiet = {"a": BlockCounts(4, 0, 36, 0), "b": BlockCounts(1, 0, 9, 0)}
        found.take("errors", quiet)
        found.take("slow", {**quiet, "b": BlockCounts(1, 1, 9, 0)})
    told = found.found
    assert found.worse
    assert (told.measure, told.counts.new_bad, told.counts.old_bad) == ("slow", 20, 0)
    assert found.counts("slow", "b") == BlockCounts(20, 20, 180, 0)
    assert found.counts("errors") == BlockCounts(100, 0, 900, 0)


def test_endpoints_without_number_are_compared_together() -> None:
    """Addresses with names in them must not use up memory, nor the chance of a false stop."""
    found = SequentialComparison(("errors",), CHANCE)
    for number in range(300):
        found.take("errors", {f"/{number}": BlockCounts(1, 1, 9, 0)})
    assert len(found.endpoints("errors")) == comparison.ENDPOINTS_MOST + 2
    assert {EVERYWHERE, OTHERS} <= set(found.endpoints("errors"))
    assert found.counts("errors").new == 300
    assert found.worse


def test_without_requests_there_is_no_evidence() -> None:
    """All weights add up to the evidence 1: the mean over everything that could be compared."""
    for measures in (("errors",), ("errors", "slow", "slower")):
        assert SequentialComparison(measures, CHANCE).found.evidence == pytest.approx(1)
    assert [log_ratio(BlockCounts(*told), 10.0) for told in product((0, 3), (0,), (0, 5), (0,))] == [0.0] * 4


@pytest.mark.parametrize(
    ("counts", "seconds", "least", "most"),
    [
        (BlockCounts(120, 0, 1080, 2), 30, 0.1, 0.2),
        (BlockCounts(1200, 0, 10800, 20), 300, 0.01, 0.02),
        (BlockCounts(3, 0, 30, 0), 1, None, None),
        (BlockCounts(0, 0, 30, 0), 1, None, None),
    ],
)
def test_the_smallest_effect_that_would_have_been_noticed(
    counts: BlockCounts, seconds: int, least: float | None, most: float | None
) -> None:
    """The more requests, the smaller; with a handful none."""
    found = noticed_from(("errors",), CHANCE, counts, seconds, random.Random(3))
    if least is None or most is None:
        assert found is None
    else:
        assert found is not None
        assert least <= found <= most
