"""A Valkey cluster in an environment file: what is refused, and what is described of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.environments.definition import read_definition, read_embedded
from closeshave.environments.layout import lay_out
from closeshave.environments.parts import Parts
from closeshave.environments.stack import Embedded
from closeshave.faults.catalogue import unserved
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile
from closeshave.hashslots import shares

SHIPPED = locate("environments", "embedded-argentina")
ROOT = Path("/root-of-it")
HOME = "sa-east-1"


@pytest.fixture
def definition() -> Embedded:
    """The one that ships."""
    return read_embedded(SHIPPED)


def changed(tmp_path: Path, *edits: tuple[str, str]) -> Path:
    """The shipped file with some texts replaced, which must be in it."""
    text = SHIPPED.read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "changed.yaml"
    path.write_text(text)
    return path


HOLDS, PRIMARIES = "holds: [cache, sessions, ratelimit]", f"primaries: [{HOME}, {HOME}, {HOME}]"
REPLICAS = f"replicas: [{HOME}, {HOME}, {HOME}]"
GROUP = f"{{name: cache, tier: cache, primary: {HOME}, replica: {HOME}, serves: [{HOME}]}}"
SENTINELS = ("sentinels: []", f"sentinels: [{HOME}]")


@pytest.mark.parametrize(
    ("edits", "key", "message"),
    [
        ([(HOLDS, "holds: []")], "valkey_cluster.holds", "name at least one tier, and each once"),
        ([(HOLDS, "holds: [cache, cache, sessions, ratelimit]")], "valkey_cluster.holds", "each once"),
        ([(HOLDS, "holds: [cache, broker]")], "valkey_cluster.holds.1", "broker"),
        ([(PRIMARIES, f"primaries: [{HOME}, {HOME}]")], "valkey_cluster.primaries", "3 to 9 regions"),
        ([(PRIMARIES, f"primaries: [{HOME}, {HOME}, mars]")], "valkey_cluster.primaries", "'mars' is not a region"),
        ([(REPLICAS, "replicas: []")], "valkey_cluster.replicas", "without it a lost node loses its keys"),
        ([(REPLICAS, f"replicas: [{HOME}, {HOME}]")], "valkey_cluster.replicas", "as many for each"),
        ([(REPLICAS, f"replicas: [{HOME}, {HOME}, mars]")], "valkey_cluster.replicas", "'mars' is not a region"),
        ([("append_only: true", "node_timeout: 100ms")], "valkey_cluster.node_timeout", "at least 0.5 s"),
        ([("tiers: []", f"tiers: [{GROUP}]"), SENTINELS], "tiers.0.tier", "the Valkey cluster valkey holds cache"),
        ([("tiers: []", f"tiers: [{GROUP}]"), (HOLDS, "holds: [sessions, ratelimit]")], "sentinels", "an odd number"),
        (
            [("tiers: []", f"tiers: [{GROUP.replace('name: cache', 'name: valkey')}]"), (HOLDS, "holds: [sessions, ratelimit]"), SENTINELS],
            "valkey_cluster.name",
            "is the name of a group in tiers",
        ),
    ],
)
def test_a_wrong_cluster_is_refused(edits: list[tuple[str, str]], key: str, message: str, tmp_path: Path) -> None:
    """With the key, and what would be right."""
    with pytest.raises(InvalidFile) as refused:
        read_definition(changed(tmp_path, *edits))
    assert [message in problem.message for problem in refused.value.problems if problem.key == key] == [True], refused.value


def test_it_is_refused_in_containers_and_where_entries_may_not_leave_their_region(tmp_path: Path) -> None:
    """It does not run there, and spreads entries over all nodes."""
    text = locate("environments", "containers").read_text()
    regions = "primaries: [us-east-1, us-east-1, eu-west-1], replicas: [us-east-1, us-east-1, us-east-1]"
    cluster = f"valkey_cluster: {{name: valkey, holds: [sessions], {regions}}}\n"
    path = tmp_path / "changed.yaml"
    path.write_text(f"{text}\n{cluster}")
    with pytest.raises(InvalidFile) as refused:
        read_definition(path)
    told = {problem.key: problem.message for problem in refused.value.problems}
    assert "does not run in containers yet" in told["valkey_cluster"]
    assert "entries of eu-west-1 may not leave it" in told["valkey_cluster.holds"]


def test_it_may_stand_beside_groups_under_sentinel(tmp_path: Path, found_parts: Parts) -> None:
    """Each tier is in one of them."""
    edits = (("tiers: []", f"tiers: [{GROUP}]"), (HOLDS, "holds: [sessions, ratelimit]"), SENTINELS)
    definition = read_embedded(changed(tmp_path, *edits))
    deployment = lay_out("an-id", ROOT, definition, found_parts, 20_000).deployment
    assert definition.tier_names == ("cache", "sessions", "ratelimit")
    assert {store.group: store.tiers for store in deployment.stores} == {"cache": ("cache",), "valkey": ("sessions", "ratelimit")}
    assert {"sentinels", "valkey cluster"} <= definition.offers
    (app, *_) = [process for process in deployment.processes if process.role == "app"]
    nodes = [store.port for store in deployment.stores if store.slots]
    assert f":{nodes[0]}/" in app.environ["SESSIONS_URLS"]
    assert f":{nodes[0]}/" in app.environ["RATELIMIT_URL"]
    assert f":{nodes[0]}/" not in app.environ["CACHE_URLS"]


def test_six_nodes_share_all_slots_and_say_so(definition: Embedded, found_parts: Parts) -> None:
    """The declared primaries first, then a replica of each; the application is told of all of them."""
    deployment = lay_out("an-id", ROOT, definition, found_parts, 20_000).deployment
    assert [store.slots for store in deployment.stores] == [*shares(3), *shares(3)]
    assert {store.tiers for store in deployment.stores} == {("cache", "sessions", "ratelimit")}
    assert deployment.sentinels == ()
    for store in deployment.stores:
        process = deployment.process(store.process)
        words = dict(zip(process.argv, process.argv[1:], strict=False))
        assert words["--cluster-enabled"] == "yes"
        assert (words["--port"], words["--cluster-port"]) == (str(store.port), str(store.bus_port))
        assert process.ports == (store.port, store.bus_port)
        assert words["--appendonly"] == "yes"
        assert words["--cluster-node-timeout"] == "3000"
        assert max(process.ports) < 32_768
    (app, *_) = [process for process in deployment.processes if process.role == "app"]
    assert app.environ["CLUSTER_NODES"] == ",".join(f"127.0.0.1:{store.port}" for store in deployment.stores)


def test_an_environment_without_a_cluster_tells_of_no_nodes(found_parts: Parts) -> None:
    """The variable is there, and empty."""
    deployment = lay_out("an-id", ROOT, read_embedded(locate("environments", "embedded")), found_parts, 20_000).deployment
    assert {process.environ["CLUSTER_NODES"] for process in deployment.processes if process.role == "app"} == {""}


@pytest.mark.parametrize(
    ("kind", "name", "needed"),
    [
        ("cache.node-lost", "embedded", "a Valkey cluster"),
        ("cache.primary-killed", "embedded-argentina", "a tier under Sentinel"),
        ("cache.slow", "embedded-argentina", "a tier under Sentinel"),
        ("cache.split-from-sentinels", "embedded-argentina", "a tier under Sentinel"),
    ],
)
def test_a_fault_that_the_environment_cannot_have_is_refused(kind: str, name: str, needed: str) -> None:
    """Before anything starts."""
    there = read_embedded(locate("environments", name))
    (problem,) = unserved(kind, {"tier": "sessions"}, there.offers, there.tier_names)
    assert problem.startswith(f"{kind} needs {needed}")


@pytest.mark.parametrize(
    ("kind", "name"),
    [("cache.node-lost", "embedded-argentina"), ("cache.flushed", "embedded-argentina"), ("cache.primary-killed", "embedded")],
)
def test_every_other_fault_is_not(kind: str, name: str) -> None:
    """A tier is a tier."""
    there = read_embedded(locate("environments", name))
    assert unserved(kind, {"tier": "sessions"}, there.offers, there.tier_names) == []


def test_a_narrower_definition_keeps_it(definition: Embedded) -> None:
    """As a run makes one that needs no broker."""
    change: Callable[[Embedded], Embedded] = Embedded.without_background
    assert replace(change(definition), links=()).valkey_cluster == definition.valkey_cluster
