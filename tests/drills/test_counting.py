"""Which requests of two releases are compared, and how: from what the balancers tell, with the clock as an argument."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import cycle

import pytest

from closeshave.clients.balancer_log import BalancedRequest
from closeshave.drills.deploy.blue_green import Pairs
from closeshave.drills.deploy.comparison import EVERYWHERE, BlockCounts, SequentialComparison
from closeshave.drills.deploy.counting import ERRORS, SETTLE_S, Counting, Releases, answered_well, measures_of, slower_than
from closeshave.drills.deploy.watching import told

OLD = BalancedRequest(100.0, "here", "app-here-1", "GET /slots", 200, 0.02, given_up=False, release="1")
NEW = replace(OLD, instance="app-here-0", release="2")
SLOW = slower_than(0.1)


def counting(*, joined_s: float = 0.0, new: str = "2", old: str = "1") -> Counting:
    """Of one instance that has joined."""
    found = Counting((0.1,), Releases(new, old))
    found.join("here", "app-here-0", joined_s)
    return found


def counts(found: Counting, measure: str = ERRORS) -> BlockCounts:
    """Of the only complete second."""
    [(_, block)] = found.over(1e9)
    return sum(block.get(measure, {}).values(), BlockCounts())


@pytest.mark.parametrize(
    ("changes", "well"),
    [
        ({}, True),
        ({"status": 302}, True),
        ({"status": 409}, True),
        ({"status": 429}, True),
        ({"status": 404}, False),
        ({"status": 500}, False),
        ({"status": -1}, False),
        ({"given_up": True}, False),
    ],
)
def test_what_counts_as_answered_well(changes: dict[str, object], well: bool) -> None:
    """A slot that somebody else took and a rate limit are promised; no answer is none."""
    assert answered_well(replace(OLD, **changes)) is well  # type: ignore[arg-type] # of a test


def test_requests_are_told_apart_by_what_the_answer_says() -> None:
    """Whatever instance answered: while one is replaced, both releases answer under its name."""
    found = counting()
    found.take([NEW, OLD, replace(OLD, instance="app-here-0"), replace(NEW, instance="app-here-1")])
    assert counts(found) == BlockCounts(2, 0, 2, 0)


@pytest.mark.parametrize(("new", "old", "release"), [("", "", ""), ("2", "2", "2"), ("2", "1", ""), ("2", "", "")])
def test_without_a_version_they_are_told_apart_by_the_instance(new: str, old: str, release: str) -> None:
    """From when it joined; an error that the balancer itself answers names no version either."""
    found = counting(joined_s=99.0, new=new, old=old)
    found.take(
        [
            replace(NEW, release=release, status=503),
            replace(NEW, release=release, ended_s=98.9),
            replace(OLD, release=release, ended_s=100.9),
        ]
    )
    assert [block[ERRORS]["GET /slots"] for _, block in found.over(1e9)] == [BlockCounts(0, 0, 1, 0), BlockCounts(1, 1, 1, 0)]


def test_a_region_without_the_new_release_is_not_compared() -> None:
    """Its requests differ for other reasons."""
    found = counting()
    found.take([replace(OLD, region="there", status=500)])
    assert found.over(1e9) == []


def test_a_process_that_was_just_started_may_be_slow_but_not_err() -> None:
    """For five seconds."""
    found = counting(joined_s=100.0 - SETTLE_S / 2)
    slow = replace(NEW, took_s=0.4, status=500)
    found.take([slow, replace(slow, ended_s=100.0 + SETTLE_S), replace(OLD, took_s=0.4)])
    first, later = (block for _, block in found.over(1e9))
    assert first[ERRORS]["GET /slots"] == BlockCounts(1, 1, 1, 0)
    assert first[SLOW]["GET /slots"] == BlockCounts(0, 0, 1, 1)
    assert later[SLOW]["GET /slots"] == BlockCounts(1, 1, 0, 0)
    assert (found.got, found.hurt) == (2, 2)


def test_a_second_is_over_when_its_requests_have_come() -> None:
    """And is told once."""
    found = counting()
    found.take([NEW])
    assert found.over(101.5) == []
    assert [second for second, _ in found.over(102.1)] == [100]
    assert found.over(200.0) == []


def test_shares_are_counted_by_region_from_a_given_moment() -> None:
    """Of all requests of the region."""
    found = counting()
    found.take([NEW, OLD, OLD, OLD])
    assert found.shares == {"here": (1, 4)}
    found.forget_shares()
    found.take([OLD])
    assert found.shares == {"here": (0, 1)}


@pytest.mark.parametrize("slow_at", ["GET /slots", "POST /book"])
def test_a_canary_that_is_300_ms_slower_at_one_endpoint_is_stopped_at_10_percent(slow_at: str) -> None:
    """Known answer, from requests to the sentence: 40 requests a second, 10 % of them the canary's, a bound of 100 ms; and how many were hurt."""
    draw, found = random.Random(7), counting()
    comparison = SequentialComparison(measures_of((0.1,)), 0.005)
    for second in range(20, 80):
        for _ in range(40):
            request = replace(
                NEW if draw.random() < 0.1 else OLD,
                ended_s=second + draw.random(),
                endpoint=draw.choices(["GET /slots", "POST /book"], [0.85, 0.15])[0],
                took_s=draw.uniform(0.005, 0.09),
            )
            late = request.release == "2" and request.endpoint == slow_at
            found.take([replace(request, took_s=request.took_s + 0.3) if late else request])
        for _, block in found.over(second + 2):
            for measure, endpoints in block.items():
                comparison.take(measure, endpoints)
        if comparison.worse:
            break
    assert comparison.worse
    assert second < 60
    assert found.hurt <= 0.1 * 40 * (second - 20 + 2)
    assert comparison.counts(ERRORS, EVERYWHERE).new_bad == 0
    assert f"of its requests at {slow_at} " in told(comparison)
    assert "were slower than 100 ms, of those of the release before 0 of" in told(comparison)
    assert "with a chance of at most 0.005" in told(comparison)


def test_a_canary_that_is_slow_at_more_than_one_endpoint_is_told_with_the_worst_of_them() -> None:
    """No single one explains it, and somebody must begin somewhere."""
    [_, slow] = measures_of((0.1,))
    comparison = SequentialComparison((ERRORS, slow), 0.005)
    places = cycle(["GET /slots", "POST /book", "GET /slots", "GET /profile", "GET /services"])
    while not comparison.worse:
        comparison.take(slow, {next(places): BlockCounts(3, 1, 40, 0)})
    seen, worst = comparison.counts(slow), comparison.counts(slow, "GET /slots")
    assert comparison.found.endpoint == EVERYWHERE
    assert f"of its requests {seen.new_bad} of {seen.new} were {slow}" in told(comparison)
    assert f", most of all at GET /slots: {worst.new_bad} of {worst.new} (" in told(comparison)


def test_a_switch_is_compared_with_the_time_before_it_each_second_once() -> None:
    """The old release's seconds are taken from before; what it still answers afterwards is left out."""
    then = [
        {ERRORS: {"GET /slots": BlockCounts(0, 0, 30, 1)}},
        {ERRORS: {"GET /slots": BlockCounts(0, 0, 20, 0), "GET /x": BlockCounts(0, 0, 5, 0)}},
    ]
    pairs = Pairs(then, 100)
    now = {ERRORS: {"GET /slots": BlockCounts(25, 5, 2, 2)}}
    assert pairs(99, now) == {}
    assert pairs(100, now) == {ERRORS: {"GET /slots": BlockCounts(25, 5, 30, 1)}}
    assert pairs(101, now) == {ERRORS: {"GET /slots": BlockCounts(25, 5, 20, 0), "GET /x": BlockCounts(0, 0, 5, 0)}}
    assert pairs(102, now) == {}
