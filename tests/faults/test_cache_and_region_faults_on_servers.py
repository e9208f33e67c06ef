"""Faults of cache tiers and regions on the embedded environment, with customers: each takes effect, is undone, and leaves nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import httpx
import pytest
import redis

from closeshave.clients import patroni, sentinel, toxiproxy, valkey
from closeshave.clock import now_ns
from closeshave.deployment import Deployment
from closeshave.faults import child
from closeshave.faults.catalogue import KINDS
from closeshave.faults.waiting import after, until
from closeshave.files import read_lines
from closeshave.history import TIMELINE
from closeshave.plan import Expected, Fault
from tests.faults.timelines import WHOLE_LIFE, edges, events, marks, not_observed

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
LOG = logging.getLogger(__name__)
REGION = "us-west-2"
FAILS_OVER_WITHIN_S = 60
PAIR = {"X-CSRF-Token": "pair", "Cookie": "csrf_token=pair"}
ADDRESSES = count(1)


def visit(url: str, franchise: int) -> httpx.Response | None:
    """One new customer requests a shop's page through any edge; ``None`` if no answer came."""
    number = next(ADDRESSES)
    headers = {**PAIR, "X-Franchise-Id": str(franchise), "X-Forwarded-For": f"10.{number // 62500}.{number // 250 % 250}.{number % 250}"}
    try:
        return httpx.get(f"{url}/api/v2/locations/", headers=headers, timeout=5, trust_env=False, verify=False)
    except httpx.HTTPError:
        return None


def log_in(platform: Deployment, region: str) -> None:
    """A customer opens a session, and is counted."""
    account = next(account for account in platform.accounts if account.region == region)
    number = next(ADDRESSES)
    headers = {**PAIR, "X-Forwarded-For": f"10.{number // 62500}.{number // 250 % 250}.{number % 250}"}
    body = {"email": account.email, "password": account.password}
    try:
        httpx.post(f"{platform.edge(region).url}/api/v2/auth/login", json=body, headers=headers, timeout=5, trust_env=False, verify=False)
    except httpx.HTTPError:
        return


@contextmanager
def customers(platform: Deployment) -> Iterator[None]:
    """A few customers in every region request shops everywhere and log in, until the block ends."""
    over = threading.Event()

    def come(region: str) -> None:
        for number in count():
            if over.is_set():
                return
            shard = platform.topology.shards[number % len(platform.topology.shards)]
            visit(platform.edge(region).url, shard.first + number % 50)
            if number % 5 == 0:
                log_in(platform, region)
            over.wait(0.05)

    threads = [threading.Thread(target=come, args=(region,), daemon=True) for region in platform.topology.regions]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(10)


def live(
    kind: str,
    scope: Mapping[str, str | int],
    platform: Deployment,
    run: Path,
    while_it_holds: Callable[[Deployment, Path], None] = lambda _platform, _run: None,
    parameters: Mapping[str, str | int | float | bool] | None = None,
) -> None:
    """One fault from its injection to the proof that it is healed, with customers all the while; then nothing is left."""
    fault = Fault("f", kind, "storm", 0, 600, Expected.RECOVERS, scope, parameters or {})
    with customers(platform):
        experiment = child.start(platform, run, fault, now_ns())
        try:
            assert until(lambda: "observed" in edges(run) or experiment.poll() is not None, after(60)), log_of(run)
            assert "observed" in edges(run), log_of(run)
            while_it_holds(platform, run)
            assert edges(run) == WHOLE_LIFE[:3], log_of(run)
        finally:
            code = child.stop(experiment)
    assert code == 0, log_of(run)
    assert edges(run) == WHOLE_LIFE
    told = events(run)
    at_s = {edge: (told[edge]["at_ns"] - told["injected"]["at_ns"]) / 1e9 for edge in WHOLE_LIFE}
    struck_s = (told["injected"]["evidence"]["dead_ns"] - told["injected"]["evidence"]["began_ns"]) / 1e9
    took_s = at_s["verified-healed"] - at_s["healed"]
    LOG.info("%s %s: struck in %.3f s, observed after %.3f s, undone and proven in %.1f s", kind, scope, struck_s, at_s["observed"], took_s)
    left_nothing(platform)


def left_nothing(platform: Deployment) -> None:
    """No toxic anywhere, and every part of every region as declared: the strictest proof that there is."""
    for process in platform.processes:
        if process.role == "toxiproxy":
            assert toxiproxy.Server(process.ports[0]).disturbances() == ()
    for region in platform.topology.regions:
        unproven = ["never asked"]

        def whole(region: str = region) -> bool:
            nonlocal unproven
            prove = KINDS["region.lost"].prove
            assert prove is not None
            aim = KINDS["region.lost"].aim(platform, {"region": region}, {})
            unproven = [str(proof) for proof in prove(aim) if not proof.holds]
            return not unproven

        assert until(whole, after(20)), unproven


def log_of(run: Path) -> str:
    """What the experiment wrote."""
    return (run / "logs" / "fault-f.log").read_text()


def promoted(platform: Deployment, run: Path) -> None:
    """Another store leads every affected group."""
    old = set(events(run)["injected"]["evidence"]["members"])
    groups = {store.group for store in platform.stores if store.process in old}
    assert until(lambda: all(leader(platform, group) not in {*old, None} for group in groups), after(FAILS_OVER_WITHIN_S))


def leader(platform: Deployment, group: str) -> str | None:
    """The store that leads a group by its sentinels' word."""
    try:
        return sentinel.primary(platform, group).process
    except sentinel.NoPrimary:
        return None


TIERS = ("cache", "sessions", "ratelimit")


@pytest.mark.parametrize("tier", TIERS)
def test_hung_primary_is_replaced_and_comes_back_as_a_replica_first(tier: str, platform: Deployment, run: Path) -> None:
    """Sentinel promotes the replica while the old primary is frozen; healing resumes it, and it becomes primary again only on command."""
    live("cache.primary-hung", {"tier": tier}, platform, run, promoted)


@pytest.mark.parametrize("tier", TIERS)
def test_flushed_tier_is_filled_again(tier: str, platform: Deployment, run: Path) -> None:
    """The tier's entries are gone, customers are still served, and their entries come back by themselves."""

    def held() -> bool:
        return all(valkey.keys(sentinel.primary(platform, group)) for group in sentinel.groups_of(platform, tier))

    def filled(_platform: Deployment, _run: Path) -> None:
        assert until(held, after(30))

    with customers(platform):
        assert until(held, after(30))
    live("cache.flushed", {"tier": tier}, platform, run, filled)


@pytest.mark.parametrize("tier", TIERS)
def test_tier_without_memory_evicts_or_refuses(tier: str, platform: Deployment, run: Path) -> None:
    """Where entries may be evicted, they are; where they may not, new ones are refused; afterwards the declared limit is in force."""
    live("cache.memory-exhausted", {"tier": tier}, platform, run, parameters={"kept": 0.0})
    for store in (store for store in platform.stores if store.tier == tier):
        assert valkey.limit_bytes(store) == 64 << 20


@pytest.mark.parametrize("tier", TIERS)
def test_slow_tier_answers_late(tier: str, platform: Deployment, run: Path) -> None:
    """Every region waits for it for the fault's latency, and no longer afterwards."""
    live("cache.slow", {"tier": tier}, platform, run)


@pytest.mark.parametrize("tier", TIERS)
def test_tier_split_from_its_sentinels_gets_a_second_primary(tier: str, platform: Deployment, run: Path) -> None:
    """The sentinels promote another store while the old one still accepts its clients' writes; after healing there is one, the declared one."""

    def two(platform: Deployment, run: Path) -> None:
        promoted(platform, run)
        for store in platform.stores:
            if store.process in events(run)["injected"]["evidence"]["members"]:
                with redis.Redis(port=store.port) as client:
                    assert client.set("closeshave:test", "1", ex=5)

    live("cache.split-from-sentinels", {"tier": tier}, platform, run, two)


def test_customers_who_are_cut_off_are_served_by_the_next_region(platform: Deployment, run: Path) -> None:
    """The edge detects it and sends them to the next region, although every process of their own region runs."""

    def elsewhere(platform: Deployment, _run: Path) -> None:
        def served() -> bool:
            answer = visit(platform.edge(REGION).url, 25_001)
            return answer is not None and answer.status_code == 200 and answer.headers["x-region"] != REGION

        assert until(served, after(30))
        assert patroni.leader(platform, 2).region == REGION

    live("region.customers-cut", {"region": REGION}, platform, run, elsewhere)


def test_cut_data_links_stop_replication_and_reads_from_other_regions(platform: Deployment, run: Path) -> None:
    """Nothing of the region's shard arrives at its standby in another region, while its primary stays the same."""
    live("region.data-links-cut", {"region": REGION}, platform, run)
    named = events(run)["injected"]["evidence"]["links"]
    assert {"us-east-1-shard2-primary", "us-west-2-shard1-primary", "shard2-us-west-2-replication", "us-west-2-cache"} <= set(named)
    assert not {"us-west-2-shard2-primary", "us-west-2-payments", "us-west-2-ingress", "us-east-1-shard1-primary"} & set(named)


def test_slow_region_is_slow_at_its_edge(platform: Deployment, run: Path) -> None:
    """Its customers wait at least as long as the links do."""

    def late(platform: Deployment, _run: Path) -> None:
        answer = visit(platform.edge(REGION).url, 25_001)
        assert answer is not None
        assert answer.elapsed.total_seconds() >= 0.05

    live("region.slow", {"region": REGION}, platform, run, late)


def test_lossy_region_resets_connections_repeatedly(platform: Deployment, run: Path) -> None:
    """New connections are reset too, not only those that were open at first."""

    def drawn_anew(_platform: Deployment, run: Path) -> None:
        assert until(lambda: sum("are chosen to be reset" in detail for _, detail in marks(run)) >= 3, after(20))

    live("region.lossy", {"region": REGION}, platform, run, drawn_anew)


def test_flapping_region_goes_down_and_up_repeatedly(platform: Deployment, run: Path) -> None:
    """It is down and up in turn until it is healed, and then up permanently."""

    def twice(_platform: Deployment, run: Path) -> None:
        assert until(lambda: len([detail for _, detail in marks(run) if f"{REGION} is " in detail]) >= 4, after(30))

    live("region.flapping", {"region": REGION}, platform, run, twice)
    turns = [detail.split(" (")[0].rsplit(" ", 1)[1] for _, detail in marks(run) if f"{REGION} is " in detail]
    assert turns == (["up", "down"] * len(turns))[: len(turns)]


def test_restored_region_has_its_roles_again_before_the_fault_ends(platform: Deployment, run: Path) -> None:
    """It is lost, its shard fails over, and it is restored and primary again while the fault is still held."""

    def home(platform: Deployment, run: Path) -> None:
        assert until(lambda: any("moved back" in detail for _, detail in marks(run)), after(150)), log_of(run)
        assert patroni.leader(platform, 2).region == REGION

    live("region.restored", {"region": REGION}, platform, run, home, parameters={"outage_s": 25.0})


def test_toxics_on_unused_links_are_not_observed(platform: Deployment, run: Path) -> None:
    """Injected and healed, and never reported as observed: a run with this fault is inconclusive."""
    fault = Fault("f", "cache.slow", "storm", 0, 600, Expected.DEGRADES, {"tier": "cache"}, {})
    experiment = child.start(platform, run, fault, now_ns())
    try:
        assert until(lambda: bool(not_observed(run)) or experiment.poll() is not None, after(60)), log_of(run)
    finally:
        assert child.stop(experiment) == 0, log_of(run)
    assert edges(run) == [edge for edge in WHOLE_LIFE if edge != "observed"]
    [told] = not_observed(run)
    assert "was used since the injection" in told
    assert [line for line in read_lines(run / TIMELINE) if line["type"] == "fault"]
    left_nothing(platform)
