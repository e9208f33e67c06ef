"""On which environments each kind works, which networks are cut, and the messages about it; without an engine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.clients import patroni
from closeshave.clients.postgres import State
from closeshave.deployment import Attachment, Container, Deployment, Member, Network, Process
from closeshave.faults import cutting, divergence
from closeshave.faults.catalogue import KINDS, check
from closeshave.plan import Expected, Fault
from tests.faults import toys

CONTAINERS_ONLY = {
    "region.partitioned": "networks of a container engine",
    "region.customers-partitioned": "networks of a container engine",
    "shard.primary-partitioned": "networks of a container engine",
    "service.out-of-memory": "memory limits of a container engine",
}
EMBEDDED_ONLY = {
    "cache.node-lost": "a Valkey cluster",
    "broker.lost": "workers beside the application, which our images do not have",
    "websocket.cut": "customers who follow their bookings, whom only that environment has",
    "worker.killed": "workers beside the application, which our images do not have",
}
CLUSTER_ONLY = {
    "service.memory-squeezed": "a Kubernetes cluster",
    "service.node-drained": "a Kubernetes cluster",
}
SCOPES: Mapping[str, str | int] = {"shard": 1, "region": toys.NEAR, "tier": "cache", "process": "etcd-us-west-2"}


def fault(kind: str) -> Fault:
    """One of a plan, aimed at what the kind wants."""
    return Fault("f", kind, "phase", 0, 10, Expected.RECOVERS, {key: SCOPES[key] for key in KINDS[kind].scope}, {})


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_works_in_containers(name: str) -> None:
    """The same experiments and plans run there as on the embedded environment, but for what is only there."""
    problems = check(fault(name), environment="containers")
    elsewhere = {**dict.fromkeys(EMBEDDED_ONLY, "embedded"), **dict.fromkeys(CLUSTER_ONLY, "kubernetes")}
    if name not in elsewhere:
        assert problems == []
        return
    (problem,) = problems
    needs = {**EMBEDDED_ONLY, **CLUSTER_ONLY}[name]
    said = f"fault f: {name} does not work on containers environments, because it needs {needs}; it works on: {elsewhere[name]}"
    assert problem == said


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_kind_that_needs_an_engine_is_refused_without_one_by_name_and_with_the_reason(name: str) -> None:
    """All others work on both."""
    problems = check(fault(name), environment="embedded")
    elsewhere = {**dict.fromkeys(CONTAINERS_ONLY, "containers"), **dict.fromkeys(CLUSTER_ONLY, "kubernetes")}
    if name not in elsewhere:
        assert problems == []
        return
    (problem,) = problems
    needs = {**CONTAINERS_ONLY, **CLUSTER_ONLY}[name]
    said = f"fault f: {name} does not work on embedded environments, because it needs {needs}; it works on: {elsewhere[name]}"
    assert problem == said


def contained(name: str, role: str, region: str | None, *networks: str) -> Process:
    """A process in a container on these networks; none runs."""
    attachments = tuple(Attachment(network, f"10.0.{index}.7") for index, network in enumerate(networks))
    return replace(toys.server(name, region), role=role, container=Container(f"toy-{name}", "image", attachments))


@pytest.fixture
def platform(tmp_path: Path) -> Deployment:
    """Two regions, a network each and one between them; an application, a database and an edge that is on all of them."""
    parts = (
        contained("app", "app", toys.NEAR, "front", toys.NEAR),
        contained("database", "patroni", toys.NEAR, "front", toys.NEAR, "wan"),
        contained("far", "patroni", toys.FAR, "front", toys.FAR, "wan"),
        contained("edges", "edge", None, "front", toys.NEAR, toys.FAR),
    )
    networks = (
        Network("front", "front", None, "10.0.0.0/24"),
        Network(toys.NEAR, "region", toys.NEAR, "10.0.1.0/24"),
        Network(toys.FAR, "region", toys.FAR, "10.0.3.0/24"),
        Network("wan", "wan", None, "10.0.2.0/24"),
    )
    return replace(toys.deployment(tmp_path / "root", *parts), networks=networks)


@pytest.mark.parametrize(
    ("region", "purposes", "names"),
    [
        (None, ("wan",), {"wan"}),
        (None, ("region", "wan"), {"wan", toys.NEAR, toys.FAR}),
        (toys.NEAR, ("region",), {toys.NEAR}),
        ("atlantis", ("region",), set()),
    ],
)
def test_networks_are_chosen_by_purpose_and_region(
    region: str | None, purposes: tuple[str, ...], names: set[str], platform: Deployment
) -> None:
    """A region's network belongs to that region; the others belong to all regions."""
    assert cutting.networks_of(platform, *purposes, region=region) == names


def test_parts_that_are_not_in_a_network_are_not_cut_from_it(platform: Deployment) -> None:
    """A region is cut off by the parts of it that others reach; its applications are reached through them."""
    inside = list(platform.owned_by(toys.NEAR))
    assert [(cut.process, cut.network) for cut in cutting.cuts(inside, {"wan"})] == [("database", "wan")]
    assert {cut.process for cut in cutting.cuts(inside, {"wan", toys.NEAR})} == {"app", "database"}


def test_the_network_that_the_harness_uses_is_never_cut(platform: Deployment) -> None:
    """A part that is cut off must still be checked and healed."""
    everything = cutting.networks_of(platform, "region", "wan")
    assert not any(cut.network == "front" for cut in cutting.cuts(platform.processes, everything))


@pytest.mark.parametrize("name", ["region.partitioned", "region.customers-partitioned", "shard.primary-partitioned"])
def test_where_nothing_runs_in_containers_nothing_can_be_cut(name: str, described: Deployment) -> None:
    """The fault says so as its reason."""
    kind = KINDS[name]
    assert "there is no network to cut" in kind.unfit(kind.aim(described, {key: SCOPES[key] for key in kind.scope}, {}))


@pytest.mark.parametrize(
    ("own", "theirs", "beyond"),
    [
        ((7, 70, "k", "scheduled", 1, 5.0), None, True),
        ((7, 70, "k", "scheduled", 1, 5.0), (7, 70, "k", "scheduled", 1, 5.0), False),
        ((7, 70, "k", "scheduled", 1, 5.0), (7, 70, "k", "cancelled", 2, 5.0), False),
        ((7, 70, "k", "cancelled", 2, 5.0), (7, 70, "k", "scheduled", 1, 5.0), True),
        ((7, 70, "k", "cancelled", 2, 5.0), (7, 70, "k", "rescheduled", 2, 5.0), True),
        ((7, 70, "k", "scheduled", 1, 5.0), (7, 70, "other", "scheduled", 1, 6.0), True),
    ],
    ids=["not there", "the same", "left behind", "never reached", "went another way", "the ID given again"],
)
def test_rows_of_one_side_only_count_if_they_were_written_there(own: State, theirs: State | None, beyond: bool) -> None:
    """A standby that lags has outdated rows, which are no evidence."""
    assert divergence.beyond([own], [theirs] if theirs else []) == ([own] if beyond else [])


@pytest.mark.parametrize(("seconds_ago", "silent"), [(0.0, False), (2.9, False), (4.0, True), (None, False)])
def test_a_patroni_is_cut_off_from_etcd_when_it_says_so(seconds_ago: float | None, silent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not answer is no evidence: it may be dead, which is another fault."""
    member = Member("database", 1, toys.NEAR, 1, 2, "database")
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    monkeypatch.setattr(patroni, "reached_etcd_s", lambda _member: None if seconds_ago is None else 1000.0 - seconds_ago)
    assert patroni.out_of_touch([member]) == (["database"] if silent else [])
