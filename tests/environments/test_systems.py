"""The embedded environments of the systems whose promises are tested: what each must have, described without starting anything."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.environments.definition import read_embedded
from closeshave.environments.layout import Layout, lay_out, ports_needed
from closeshave.environments.parts import Parts
from closeshave.environments.pgbouncer import PgBouncer
from closeshave.environments.stack import Embedded
from closeshave.files.shipped import locate
from closeshave.probes.families.described import STAGES
from closeshave.scope import Involvement, part

ROOT = Path("/state/system-1")
SIZES = [f"embedded-{cloud}-{stage}" for cloud in ("aws", "gcp") for stage in STAGES]
SYSTEMS = ["embedded-enterprise", "embedded-single-region", "embedded-appointments", "embedded-argentina", *SIZES]


def described(name: str) -> Embedded:
    """The definition that ships."""
    return read_embedded(locate("environments", name))


@pytest.fixture
def parts(found_parts: Parts) -> Parts:
    """Programs as if they had been found, a pooler among them."""
    return replace(found_parts, pgbouncer=PgBouncer(Path("/programs/pgbouncer"), "1.24.0"))


def laid_out(definition: Embedded, parts: Parts) -> Layout:
    """Its layout."""
    return lay_out("an-id", ROOT, definition, parts, 20_000)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_part_has_a_name_and_ports_of_its_own(name: str, parts: Parts) -> None:
    """However many nodes stand in one region. The file says how it is started."""
    definition = described(name)
    layout = laid_out(definition, parts)
    assert max(Counter(process.name for process in layout.deployment.processes).values()) == 1
    used = [port for process in layout.deployment.processes for port in process.ports]
    assert sorted(used) == list(range(20_000, 20_000 + ports_needed(definition, parts)))
    assert definition.name == name
    assert f"closeshave env up {name}" in locate("environments", name).read_text()


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("embedded-enterprise", {"patroni": 16, "pooler": 16, "valkey": 10, "app": 8, "haproxy": 4, "backup": 4}),
        ("embedded-single-region", {"patroni": 3, "pooler": 1, "valkey": 8, "app": 2, "worker": 1, "backup": 1}),
        ("embedded-appointments", {"patroni": 2, "valkey": 8, "app": 3, "worker": 1, "backup": 1}),
        ("embedded-argentina", {"patroni": 2, "valkey": 6, "app": 5, "haproxy": 1, "edge": 1, "toxiproxy": 5, "backup": 1}),
        ("embedded-aws-dev", {"patroni": 4, "valkey": 9, "app": 2, "backup": 0, "sentinel": 3}),
        ("embedded-gcp-production", {"patroni": 4, "valkey": 9, "app": 6, "backup": 2, "sentinel": 3}),
    ],
)
def test_a_system_has_the_parts_that_it_promises(name: str, roles: dict[str, int], parts: Parts) -> None:
    """Replicas, poolers, workers, instances."""
    found = Counter(process.role for process in laid_out(described(name), parts).deployment.processes)
    assert {role: found[role] for role in roles} == roles


def test_three_read_replicas_of_a_shard_stand_where_its_rows_may_be(parts: Parts) -> None:
    """Of Europe all in Europe; of the others in two more regions, so that a member outlives the loss of any region."""
    deployment = laid_out(described("embedded-enterprise"), parts).deployment
    for shard in deployment.topology.shards:
        home, *standbys = (member.region for member in deployment.members if member.shard == shard.id)
        assert (home, tuple(standbys)) == (shard.home, shard.standbys)
        assert len(standbys) == 3
        places = {home, *standbys}
        assert places == {home} if home in deployment.topology.resident else len(places) == 3


def test_each_pooler_takes_as_many_clients_as_the_target_promises(parts: Parts) -> None:
    """E11 and P05. All poolers of a shard together ask the database for fewer connections than it gives."""
    for name, promised in (("embedded-enterprise", 2000), ("embedded-single-region", 1000)):
        definition = described(name)
        assert definition.pooler is not None
        assert int(str(definition.pooler["max_client_conn"])) >= promised
        # PgBouncer refuses a client that sets a parameter which it does not know, and the stand-in sets these.
        ignored = set(str(definition.pooler["ignore_startup_parameters"]).split(","))
        assert {"statement_timeout", "jit", "standin.live"} <= ignored
        layout = laid_out(definition, parts)
        told = json.loads(layout.files[ROOT / "config" / f"{layout.deployment.members[0].process}.json"])
        room = told["bootstrap"]["dcs"]["postgresql"]["parameters"]["max_connections"]
        assert int(str(definition.pooler["default_pool_size"])) * len(definition.regions) < room


@pytest.mark.parametrize("name", SIZES)
def test_a_database_and_each_group_of_three_stores_stand_in_both_zones(name: str, parts: Parts) -> None:
    """Whichever zone is lost, a copy is left. Both clouds have the same sizes."""
    definition = described(name)
    deployment = laid_out(definition, parts).deployment
    zones = set(definition.regions)
    assert len(zones) == 2
    for shard in definition.shards:
        assert {member.region for member in deployment.members if member.shard == shard.id} == zones
    for group in definition.tiers:
        nodes = [store for store in deployment.stores if store.group == group.name]
        assert len(nodes) == 3
        assert {store.region for store in nodes} == zones
    other = described(name.replace("aws", "gcp"))
    assert (other.topology.franchises, other.apps_per_region) == (definition.topology.franchises, definition.apps_per_region)


def test_the_sizes_of_the_stages_ascend() -> None:
    """Otherwise they would be three names of one environment."""
    sizes = [(each.topology.franchises, each.apps_per_region) for each in map(described, SIZES[:3])]
    assert sizes == sorted(sizes)
    assert len({instances for _, instances in sizes}) == 3


def test_a_further_standby_is_concerned_by_the_loss_of_its_region() -> None:
    """As the first one is: a running trial expects that its shard's requests may fail meanwhile, but they are not in the scope."""
    first, second = described("embedded-enterprise").topology.shards[:2]
    assert part({"region": "ap-southeast-1"}, first) is Involvement.STANDING_BY
    assert part({"region": "eu-west-1"}, first) is Involvement.UNTOUCHED
    assert part({"region": "us-west-2"}, second) is Involvement.STRUCK


def test_one_system_has_workers_and_live_updates_and_serves_https(parts: Parts) -> None:
    """A13, A15, A16. A file without a section for the application has the stand-in's workers where there is a broker, and none where there is none."""
    own = described("embedded-appointments")
    assert own.works_later
    assert own.application.live_updates is not None
    assert {edge.url.partition(":")[0] for edge in laid_out(own, parts).deployment.edges} == {"https"}
    assert not described("embedded-aws-dev").application.workers


CITIES = {"buenos-aires": 0.024, "rosario": 0.026, "cordoba": 0.030, "mendoza": 0.036}


def test_a_city_is_reached_through_its_own_toxiproxy_also_where_no_fault_of_the_plan_needs_one(parts: Parts) -> None:
    """Its edge leads to it alone, and it leads to the region that serves it. Its distance comes with its process: it is there after every start."""
    narrowed = replace(described("embedded-argentina"), links=())
    layout = laid_out(narrowed, parts)
    deployment = layout.deployment
    assert [edge.region for edge in deployment.edges] == ["sa-east-1", *CITIES]
    assert {link.region for link in deployment.links} == set(CITIES)
    edges = layout.files[ROOT / "config" / "edges.cfg"]
    for city, distance_s in CITIES.items():
        (link,) = (each for each in deployment.links if each.region == city)
        process = deployment.process(f"toxiproxy-{city}")
        assert (process.ports, link.upstream) == ((link.api_port, link.port), "haproxy-sa-east-1")
        assert process.argv[4:7] == (str(link.api_port), link.name, str(round(distance_s * 1000)))
        (backend,) = (part for part in edges.split("\n\n") if part.startswith(f"backend edge-{city}\n"))
        assert [line.split()[:3] for line in backend.splitlines() if line.startswith("    server ")] == [
            ["server", city, f"127.0.0.1:{link.port}"]
        ]


def test_a_city_is_a_region_to_customers_and_to_judges_and_has_no_servers(parts: Parts) -> None:
    """Whoever asks which region answers there is told the one that serves it. Instances know nothing of it but its name."""
    definition = described("embedded-argentina")
    topology = laid_out(definition, parts).deployment.topology
    assert topology.regions == ("sa-east-1", *CITIES)
    assert {topology.served_by(region) for region in topology.regions} == {"sa-east-1"}
    assert definition.regions == ("sa-east-1",)
    assert all(entrance.distance == pytest.approx(CITIES[name]) for name, entrance in definition.entrances.items())
