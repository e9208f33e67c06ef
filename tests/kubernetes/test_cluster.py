"""How an environment file describes a cluster: what is wrong in it, how pods are found, and what a fault needs of it."""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from closeshave import cluster as clusters
from closeshave.cluster import NEEDS, ApplicationPods, Cluster, ClusterInUse, ShardPods
from closeshave.deployment import load
from closeshave.environments.kubernetes import look
from closeshave.faults import catalogue
from closeshave.faults.kubernetes import act, isolating, marks, pods, squeezing
from closeshave.faults.kubernetes.binding import ACTS, bound
from closeshave.faults.kubernetes.pods import Pod, pod_of
from closeshave.history import Injection, Sighting, TouchedText
from tests.faults import toys

UID = "3f0c1a52-7d0e-4c1b-9a53-0f6f5d0c8b11"
EAST, WEST = "us-east-1", "eu-west-1"
WHOLE = Cluster(
    uid=UID,
    namespaces=("booking",),
    preset="patroni",
    shards=(ShardPods(1, "booking", 2, cluster="shop-1"),),
    application=ApplicationPods("booking", {"app": "api"}, 2),
    zones={EAST: ("a",), WEST: ("b",)},
    nodes_at_once=1,
)


def test_a_right_description_has_nothing_wrong() -> None:
    """The tests below change one thing each."""
    assert list(clusters.wrong(WHOLE, (1,), (EAST, WEST))) == []


@pytest.mark.parametrize(
    ("changes", "place", "says"),
    [
        ({"uid": "nothing"}, ("uid",), "is no UID"),
        ({"namespaces": ()}, ("namespaces",), "at least one"),
        ({"namespaces": ("booking", "Booking")}, ("namespaces", 1), "small letters"),
        ({"namespaces": ("booking", "../pods")}, ("namespaces", 1), "small letters"),
        ({"namespaces": ("booking", "kube-system")}, ("namespaces", 1), "never changed"),
        ({"zone_label": "a b"}, ("zone_label",), "no key of a label"),
        ({"shards": (ShardPods(7, "booking", 2, cluster="x"),)}, ("shards", 0, "id"), "there is no shard 7"),
        ({"shards": (ShardPods(1, "other", 2, cluster="x"),)}, ("shards", 0, "namespace"), "not one of cluster.namespaces"),
        ({"shards": (ShardPods(1, "booking", 2),)}, ("shards", 0, "cluster"), "cluster-name"),
        ({"shards": (ShardPods(1, "booking", 2, cluster="x,y"),)}, ("shards", 0, "cluster"), "cluster-name"),
        ({"shards": (ShardPods(1, "booking", 2, cluster="x", labels={"a": "b"}),)}, ("shards", 0, "cluster"), "leave it out"),
        ({"shards": (ShardPods(1, "booking", 2, labels={"a": "b"}),)}, ("shards", 0, "primary"), "at least one label"),
        ({"preset": None}, ("shards", 0, "cluster"), "name a preset (patroni"),
        ({"application": ApplicationPods("booking", {}, 2)}, ("application", "labels"), "every pod of the namespace"),
        ({"application": ApplicationPods("booking", {"a": "b,c=d"}, 2)}, ("application", "labels", "a"), "no value of a label"),
        ({"application": ApplicationPods("booking", {"a": "b"}, 2, "A B")}, ("application", "container"), "no name of a container"),
        ({"zones": {"mars": ("a",), EAST: ("b",), WEST: ("c",)}}, ("zones", "mars"), "not a region"),
        ({"zones": {EAST: ("a",), WEST: ("a",)}}, ("zones", WEST, 0), "already"),
        ({"zones": {EAST: (), WEST: ("a",)}}, ("zones", EAST), "at least one zone"),
        ({"zones": {EAST: ("a in (b)",), WEST: ("a",)}}, ("zones", EAST, 0), "no value of a label"),
        ({"zones": {EAST: ("a",)}}, ("zones",), "say the zones of eu-west-1 too"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(changes: dict[str, Any], place: tuple[str | int, ...], says: str) -> None:
    """With what would be right. Nothing of a file may change a request: labels and names have Kubernetes' own form, or are refused."""
    found = list(clusters.wrong(replace(WHOLE, **changes), (1,), (EAST, WEST)))
    assert any(at == place and says in said for at, said in found), found


@pytest.mark.parametrize(
    ("preset", "members", "primary"),
    [
        ("patroni", "application=patroni,cluster-name=shop-1", "role in (primary,master)"),
        ("cloudnative-pg", "cnpg.io/cluster=shop-1,cnpg.io/podRole=instance", "cnpg.io/instanceRole in (primary)"),
        ("zalando", "application=spilo,cluster-name=shop-1", "spilo-role in (master,primary)"),
    ],
)
def test_presets_are_the_operators_own_labels(preset: Any, members: str, primary: str) -> None:
    """As their documentation says."""
    described = replace(WHOLE, preset=preset)
    assert described.members(1) == members
    assert described.primaries(1) == f"{members},{primary}"


def test_without_a_preset_the_file_says_the_labels() -> None:
    """The primary has those of the members, and more."""
    described = replace(WHOLE, preset=None, shards=(ShardPods(1, "booking", 2, labels={"db": "one"}, primary={"lead": "yes"}),))
    assert described.members(1) == "db=one"
    assert described.primaries(1) == "db=one,lead=yes"


@pytest.mark.parametrize(
    ("kind", "scope", "changes", "says"),
    [
        ("shard.primary-killed", {"shard": 1}, {}, ""),
        ("shard.primary-killed", {"shard": 2}, {}, "which pods are shard 2"),
        ("service.killed", {"region": EAST}, {"application": None}, "which pods are the application"),
        ("region.lost", {"region": EAST}, {"zones": {}}, "in which zones us-east-1 is"),
        ("region.lost", {"region": EAST}, {"nodes_at_once": 0}, "nodes_at_once"),
        ("service.node-drained", {"region": EAST}, {"nodes_at_once": 0}, "nodes_at_once"),
        ("dependency.down", {"region": EAST}, {"application": None}, ""),
    ],
)
def test_what_a_fault_needs_of_the_file_is_known_without_asking_the_cluster(
    kind: str, scope: dict[str, str | int], changes: dict[str, Any], says: str
) -> None:
    """So that ``validate`` says it."""
    told = clusters.lacking(replace(WHOLE, **changes), kind, scope, (EAST, WEST))
    assert (told == "") if not says else says in told


def test_both_rooms_know_the_same_kinds_and_the_same_mark() -> None:
    """The environment says what is needed, the faults what is done; they do not import each other."""
    assert set(NEEDS) == set(ACTS) <= set(catalogue.KINDS)
    assert look.MARK == marks.MARK


@pytest.mark.parametrize("name", sorted(ACTS))
def test_a_kind_works_on_a_cluster_and_describes_itself(name: str) -> None:
    """In sentences; by the same name and scope as elsewhere, so that a plan need not be changed."""
    bound = act.bind(catalogue.KINDS[name], ACTS[name])
    assert "kubernetes" in bound.environments
    assert (bound.name, bound.scope) == (name, catalogue.KINDS[name].scope)
    assert {each.name for each in bound.parameters} == set(ACTS[name].parameters)
    for sentence in (bound.does, bound.observed_by, bound.undone_by):
        assert sentence.endswith(".")


def test_a_mark_is_a_label_whatever_the_scope_is(tmp_path: Path) -> None:
    """What does not fit into one is a digest; two faults never share one."""
    there = toys.deployment(tmp_path)
    kind = catalogue.KINDS["region.lost"]
    told = [marks.mark_of(kind.aim(there, {"region": region}, {}), kind.name) for region in (EAST, WEST, "x" * 60, "x" * 61, "an odd one")]
    assert told[0] == "region.lost.us-east-1"
    assert len(set(told)) == len(told)
    for each in told:
        assert re.fullmatch(clusters.LABEL_VALUE, each)


@pytest.mark.parametrize(
    ("told", "value"),
    [
        ("1", "1"),
        ("500m", "0.5"),
        ("1.5", "1.5"),
        ("128Mi", str(128 * 1024**2)),
        ("1G", "1000000000"),
        ("", None),
        ("1e3x", None),
        (None, None),
    ],
)
def test_quantities_are_read_as_the_api_writes_them(told: object, value: str | None) -> None:
    """kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity."""
    assert squeezing.quantity(told) == (None if value is None else Decimal(value))


@pytest.mark.parametrize(
    ("resources", "share", "after"),
    [
        ({"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}, 0.1, {"limits": {"cpu": "100m"}, "requests": {"cpu": "100m"}}),
        ({"limits": {"cpu": "2"}, "requests": {"cpu": "100m"}}, 0.1, {"limits": {"cpu": "200m"}, "requests": {"cpu": "100m"}}),
        ({"limits": {"cpu": "2"}, "requests": {"cpu": "500m"}}, 0.1, {"limits": {"cpu": "200m"}, "requests": {"cpu": "200m"}}),
        ({"limits": {"cpu": "20m"}, "requests": {"cpu": "20m"}}, 0.1, {"limits": {"cpu": "10m"}, "requests": {"cpu": "10m"}}),
        ({"limits": {"cpu": "10m"}, "requests": {"cpu": "10m"}}, 0.1, "cannot be lowered further"),
        ({}, 0.1, "has no limit of cpu"),
        ({"limits": {"cpu": "many"}, "requests": {"cpu": "1"}}, 0.1, "has no limit of cpu"),
    ],
)
def test_a_squeeze_keeps_the_pods_class_of_service(resources: dict[str, Any], share: float, after: dict[str, Any] | str) -> None:
    """Where request and limit are equal they stay so: the API refuses anything else. What stood there is kept as it was written."""
    told = squeezing.changes({"name": "api", "resources": resources}, "cpu", share)
    if isinstance(after, str):
        assert isinstance(told, str)
        assert after in told
        return
    assert not isinstance(told, str)
    before, asked = told
    assert asked == after
    assert before == resources


@pytest.mark.parametrize("told", [{}, {"metadata": None, "spec": [], "status": "x"}, {"status": {"conditions": [1, {"type": "Ready"}]}}])
def test_a_pod_of_an_odd_form_is_a_pod_that_is_not_ready(told: dict[str, Any]) -> None:
    """What a cluster answers is foreign text."""
    assert pod_of(told, "booking").ready is False


def pod(name: str, *, ready: bool, mark: str = "") -> Pod:
    """A pod as the API tells of it."""
    conditions = [{"type": "Ready", "status": str(ready)}]
    about = {"name": name, "uid": f"uid-of-{name}", "labels": {marks.MARK: mark} if mark else {}}
    return pod_of({"metadata": about, "spec": {}, "status": {"conditions": conditions}}, "booking")


@pytest.mark.parametrize(
    ("before", "after", "seen"),
    [
        pytest.param({"api": True, "batch": False}, {"api": True, "batch": False}, "", id="no plugin enforces it"),
        pytest.param({"api": True, "batch": False}, {"api": False, "batch": False}, "not ready any more: api", id="it is enforced"),
        pytest.param({"batch": False}, {"batch": False}, "", id="none was ready"),
        pytest.param({"api": True}, {}, "", id="all were replaced"),
    ],
)
def test_a_pod_that_was_not_ready_before_does_not_show_that_it_was_cut_off(
    before: dict[str, bool], after: dict[str, bool], seen: str
) -> None:
    """Otherwise a cluster whose network plugin ignores policies is taken for one that survived a partition."""
    touched = tuple(TouchedText(isolating.told(pod(name, ready=ready))) for name, ready in before.items())
    found = isolating.cut_off(
        "m", tuple(pod(name, ready=ready, mark="m") for name, ready in after.items()), Injection("x", touched, 0, None, ())
    )
    assert (found.saw if isinstance(found, Sighting) else "") == seen


@dataclass
class Listed:
    """An API that lists these pods, whatever is asked for them, and nothing else."""

    there: list[dict[str, Any]]

    def listed(self, at: str, _labels: str = "") -> tuple[dict[str, Any], ...]:
        """The pods as the API tells of them; no policies and no nodes."""
        return tuple(self.there) if at.endswith("/pods") and _labels != marks.MARK and "closeshave" not in _labels else ()


@pytest.mark.parametrize("name", ["service.node-drained", "region.lost", "region.partitioned"])
@pytest.mark.parametrize("members", [1, 2])
def test_a_fault_that_takes_members_of_databases_is_healed_only_with_them(
    name: str, members: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drained node gives up every pod of the namespaces, not only the application's: one member of shard 1 is still missing."""
    there = replace(toys.deployment(tmp_path), kind="kubernetes", cluster=ClusterInUse(WHOLE, "trial"))
    home = next(shard.home for shard in there.topology.shards if shard.id == 1)
    kind = bound(catalogue.KINDS[name], "kubernetes")
    aim = kind.aim(there, {"region": home}, {})
    ready = {"spec": {}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    api = Listed([{"metadata": {"name": f"shop-1-{number}", "uid": str(number)}, **ready} for number in range(members)])
    monkeypatch.setattr(pods, "asked", lambda _aim: nullcontext((api, WHOLE)))
    wrong = [proof.saw for proof in pods.whole(aim, marks.mark_of(aim, name)) if proof.what.startswith("shard 1") and not proof.holds]
    assert (wrong[:1] == ["shard 1 has 1 of 2 ready members"]) is (members == 1)
    assert any(proof.what.startswith("shard 1") for proof in pods.whole(aim, marks.mark_of(aim, name)))


def test_another_process_knows_the_cluster_from_the_deployment(tmp_path: Path) -> None:
    """Whoever heals reads it from the environment's directory."""
    written = replace(toys.deployment(tmp_path), kind="kubernetes", cluster=ClusterInUse(WHOLE, "trial"))
    written.save()
    assert load(tmp_path).cluster == ClusterInUse(WHOLE, "trial")
