"""Customers want franchises by Zipf popularity, and never those that are reserved for canaries."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from closeshave.traffic.population import Population, populate, reserved
from tests.traffic.loads import FOUR


def populated(exponent: float = 0.8, ids: Literal["shuffled", "oldest-first"] = "shuffled", seed: int = 3) -> Population:
    """The default target's franchises."""
    return populate(FOUR, exponent, ids, np.random.default_rng(seed))


def test_canaries_have_franchises_of_their_own() -> None:
    """The last twenty of each shard are drawn by no customer."""
    everybody = np.concatenate(populated().ids)
    assert len(everybody) == 100_000 - 4 * 20
    assert not set(everybody.tolist()) & {franchise for shard in FOUR.shards for franchise in reserved(shard)}
    assert reserved(FOUR.shards[0]) == range(24_981, 25_001)


def test_the_home_region_is_that_of_the_franchise() -> None:
    """Each region's franchises are in the ranges of the shards with this home region."""
    population = populated()
    for index, region in enumerate(population.regions):
        shard = next(shard for shard in FOUR.shards if shard.home == region)
        assert population.ids[index].min() >= shard.first
        assert population.ids[index].max() <= shard.last


def test_popularity_by_id_loads_the_oldest_shard_most() -> None:
    """Shuffled, the four regions have about the same share; ordered by ID, the first has more than a third."""
    assert max(populated().shares) < 0.3
    tied = populated(ids="oldest-first").shares
    assert tied[0] > 0.5
    assert list(tied) == sorted(tied, reverse=True)
    assert sum(tied) == pytest.approx(1)


@pytest.mark.parametrize("exponent", [0.6, 0.8, 1.0])
def test_frequency_falls_with_rank_by_zipfs_law(exponent: float) -> None:
    """The slope of log frequency over log rank is minus the exponent."""
    population = populated(exponent, "oldest-first")
    drawn = population.franchises(0, 2_000_000, np.random.default_rng(5))
    counts = np.bincount(drawn, minlength=200)[1:200]
    slope = np.polyfit(np.log(np.arange(1, 200)), np.log(counts), 1, w=np.sqrt(counts))[0]
    assert slope == pytest.approx(-exponent, abs=0.05)


def test_the_same_seed_gives_the_same_popularity() -> None:
    """Which franchise is the hottest depends on the seed alone."""
    assert np.array_equal(populated().ids[0], populated().ids[0])
    assert not np.array_equal(populated().ids[0], populated(seed=4).ids[0])
