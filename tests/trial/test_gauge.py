"""The figures of a running load: known looks in, known rates, percentiles and shares out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.traffic.live import Answers
from closeshave.trial.figures import WINDOW_S, Figures, Gauge


def answers(region: str, *response_ms: float, shard: int = 1, bad: int = 0, bookings: int = 0) -> Answers:
    """What customers of a region and shard got."""
    return Answers(region, shard, np.array(response_ms), bad, bookings)


def test_before_anything_is_answered_nothing_is_claimed() -> None:
    """No percentile of nothing, and no share."""
    reading = Gauge(100.0, ("east", "west")).look(101.0, 0, ())
    assert reading.offered_per_s == 0
    assert reading.all == Figures()
    assert [region for region, _ in reading.regions] == ["east", "west"]


def test_a_reading_is_of_the_last_seconds_and_bookings_are_of_all() -> None:
    """What is older than the window is forgotten; what was offered then, too."""
    gauge = Gauge(0.0, ("east",))
    gauge.look(1.0, 1000, [answers("east", *[900.0] * 500, bad=500, bookings=7)])
    for second in range(2, 12):
        reading = gauge.look(float(second), 1000 + 20 * (second - 1), [answers("east", *[10.0] * 19, 40.0, bad=1, bookings=1)])
    assert reading.offered_per_s == pytest.approx(20)
    assert reading.all.completed_per_s == pytest.approx(20)
    assert (reading.all.p50_ms, reading.all.bad_share, reading.all.bookings) == (10.0, 0.05, 17)
    assert reading.regions[0][1] == reading.all


def test_regions_are_apart_and_an_unknown_one_counts_in_all() -> None:
    """By the edge that customers entered."""
    gauge = Gauge(0.0, ("east", "west"))
    reading = gauge.look(2.0, 40, [answers("west", 5.0, 7.0), answers("east", 100.0), answers("west", 9.0), answers("", 1.0)])
    by_region = dict(reading.regions)
    assert (by_region["west"].p50_ms, by_region["west"].completed_per_s) == (7.0, 1.5)
    assert by_region["east"].p95_ms == 100.0
    assert reading.all.completed_per_s == 2.5


def test_shards_are_apart_as_regions_are() -> None:
    """A shard has customers in every region; a shard that nobody asked has no figures."""
    gauge = Gauge(0.0, ("east", "west"), (1, 2, 9))
    got = [
        answers("east", 5.0, 7.0, shard=1, bookings=2),
        answers("west", 9.0, shard=1, bookings=1),
        answers("east", 100.0, shard=2, bad=1),
    ]
    by_shard = dict(gauge.look(2.0, 40, got).shards)
    assert (by_shard[1].p50_ms, by_shard[1].completed_per_s, by_shard[1].bookings) == (7.0, 1.5, 3)
    assert (by_shard[2].bad_share, by_shard[2].p99_ms) == (1.0, 100.0)
    assert by_shard[9] == Figures()


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30))
def test_the_window_never_holds_more_than_it_should(counts: list[int]) -> None:
    """Of looks one second apart, the last :data:`WINDOW_S` count, whatever they saw."""
    gauge, offered = Gauge(0.0, ("east",)), 0
    for second, count in enumerate(counts, start=1):
        offered += count
        reading = gauge.look(float(second), offered, [answers("east", *[1.0] * count)])
    expected = sum(counts[-int(WINDOW_S) :]) / min(len(counts), WINDOW_S)
    assert reading.offered_per_s == pytest.approx(expected)
    assert reading.all.completed_per_s == pytest.approx(expected)
