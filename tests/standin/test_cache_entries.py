"""What the caches and the databases of a running platform hold in the end, each read separately."""

from __future__ import annotations

import json
import random
import time
from dataclasses import replace
from typing import Any

import pytest
import redis

from closeshave.control.processes import poll_until
from closeshave.deployment import Deployment, Store
from closeshave.environments.evidence import cache_entries, placements
from closeshave.environments.evidence.reading import FinalStateUnreadable
from closeshave.environments.standin_application import STAND_IN
from closeshave.standin import defects
from closeshave.standin.seed import administrator
from closeshave.standin.switches import LOOK_EVERY_S
from tests.standin.running import SIZES, Customer, Running

pytestmark = pytest.mark.servers
PAGES = STAND_IN.read_back.cached or pytest.fail("the stand-in's pages are compared")


@pytest.fixture
def cached(platform: Running, deployed: Deployment) -> Deployment:
    """The platform with its two caches, both empty."""
    stores = [("cache", "us-east-1", platform.store.port), ("cache-eu", "eu-west-1", platform.europe_cache.port)]
    for _, _, port in stores:
        redis.Redis(port=port).flushdb()
    return replace(deployed, stores=tuple(Store(group, "cache", group, region, port) for group, region, port in stores))


@pytest.fixture
def boss(platform: Running) -> Customer:
    """A user who may change shops."""
    return platform.client().login(administrator("us-east-1", SIZES).email)


def read(deployment: Deployment) -> dict[int, dict[str, Any]]:
    """The entries by franchise."""
    primaries = {member.shard: member for member in deployment.members}
    return {row["franchise"]: row for row in cache_entries.read(deployment, PAGES, primaries, random.Random(1)).to_pylist()}


def look(boss: Customer, *franchises: int) -> None:
    """Have the pages cached."""
    for franchise in franchises:
        assert boss.at(franchise).get("/api/v2/locations/").status_code == 200


def change(boss: Customer, franchise: int) -> None:
    """Give the shop another name."""
    assert boss.at(franchise).put(f"/api/v2/locations/{franchise}", json={"name": f"New {random.random()}"}).status_code == 200


def test_entries_of_every_cache_equal_the_databases(cached: Deployment, boss: Customer) -> None:
    """Read before and after a change; each entry is named with its node and region."""
    look(boss, 1, 2, 60)
    change(boss, 2)
    look(boss, 2)
    found = read(cached)
    assert {(row["store"], row["region"], row["key"]) for row in found.values()} == {
        ("cache", "us-east-1", "franchise:1"), ("cache", "us-east-1", "franchise:2"), ("cache-eu", "eu-west-1", "franchise:60"),
    }  # fmt: skip
    assert all(json.loads(row["cached"]) == json.loads(row["stored"]) for row in found.values())
    assert found[2]["cached_version"] == found[2]["stored_version"] == found[1]["stored_version"] + 1


def test_an_entry_that_was_never_invalidated_is_found(cached: Deployment, boss: Customer) -> None:
    """The cache holds an older version than the database, however long one waits."""
    look(boss, 31, 32)
    defects.plant(cached, "never-invalidated", [31])
    time.sleep(2 * LOOK_EVERY_S)  # the processes' own interval: there is nothing to ask them
    change(boss, 31)
    change(boss, 32)
    found = read(cached)
    assert set(found) == {31}
    assert found[31]["cached_version"] == found[31]["stored_version"] - 1


def test_an_entry_that_is_dropped_in_time_is_no_difference(cached: Deployment, platform: Running, boss: Customer) -> None:
    """While a tier is lost the platform cannot drop an entry; once it is back, it does."""
    look(boss, 33)
    store = redis.Redis(port=platform.store.port)
    store.client_pause(1_500)
    change(boss, 33)
    assert not any(row["stored"] for row in read(cached).values())
    assert poll_until(lambda: platform.well("us-east-1"), 10)


def test_only_a_sample_is_compared_and_every_key_is_named(cached: Deployment, boss: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The given generator draws the sample; a replica's entries are named and not compared."""
    look(boss, *range(1, 9))
    monkeypatch.setattr(cache_entries, "COMPARED_MAX", 3)
    found = read(cached)
    assert len(found) == 8
    assert sum(row["stored"] is not None for row in found.values()) == 3
    assert read(cached) == found


def test_a_cache_that_cannot_be_read_is_named(cached: Deployment) -> None:
    """The others do not count as all caches."""
    lost = replace(cached.stores[1], port=1)
    with pytest.raises(FinalStateUnreadable, match="cache-eu cannot be read"):
        read(replace(cached, stores=(cached.stores[0], lost)))


def test_each_member_counts_what_it_holds_of_a_bound_region(cached: Deployment) -> None:
    """Europe's 50 shops are on Europe's shard alone."""
    held = {
        (row["member"], row["region"], row["resident"]): row["franchises"]
        for row in placements.read(cached, STAND_IN.read_back.resident_rows).to_pylist()
    }
    assert held == {("s1", "us-east-1", "eu-west-1"): 0, ("s3", "eu-west-1", "eu-west-1"): 50}
