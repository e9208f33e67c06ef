"""A whole trial on a platform whose cluster is a real control plane: admitted, leased, struck without a hook, healed, judged, released."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from closeshave.clients import cluster_lease, kubeconfig
from closeshave.clients.kubernetes import opened
from closeshave.environments.kubernetes.holding import Hold
from closeshave.faults import ledger
from closeshave.faults.kubernetes.marks import MARK
from tests.kubernetes import platform
from tests.kubernetes.controlplane import ControlPlane
from tests.kubernetes.test_faults_on_a_control_plane import whole
from tests.remote import plans
from tests.remote.command import call
from truth.plain.running import Plain, plain

pytestmark = pytest.mark.kubernetes
NAMESPACE = "trials"


@pytest.fixture(scope="module")
def shop(plane: ControlPlane) -> Iterator[Plain]:
    """The plain platform for its customers, and pods for its database."""
    platform.make(plane, "zalando", NAMESPACE)
    with platform.operated(plane, "zalando", NAMESPACE), plain("--accounts", "20") as running:
        yield running
    plane.ask("DELETE", f"/api/v1/namespaces/{NAMESPACE}")


def files(directory: Path, plane: ControlPlane, shop: Plain, **changes: Any) -> Path:
    """The environment file and a plan with one fault; returns the plan."""
    cluster = {
        "uid": plane.uid,
        "namespaces": [NAMESPACE],
        "context": "admin",
        "preset": "zalando",
        "shards": [{"id": 1, "namespace": NAMESPACE, "cluster": "shop-1", "instances": 2}],
    }
    plans.environment(directory, shop, kind="kubernetes", hooks=[], cluster=cluster | changes)
    return plans.plan(directory, "database")


def test_a_trial_breaks_the_cluster_without_a_hook_and_leaves_it_whole(plane: ControlPlane, shop: Plain, tmp_path: Path) -> None:
    """The primary's pod is another one afterwards; the lease is free, and nothing carries a mark."""
    plan = files(tmp_path, plane, shop)
    whole(platform.deployment(tmp_path / "root", platform.cluster(plane, "zalando", NAMESPACE)))
    before = _uids(plane)
    ended = call(tmp_path, "run", plan, "--runs", tmp_path / "runs")
    assert ended.code in {0, 1, 3}, ended.said[-3000:]
    edges = [line["edge"] for line in ledger.read(ended.run / ledger.FILE)]
    assert edges == ["planned", "injected", "observed", "healed", "verified-healed"], ended.said[-3000:]
    verdicts = ended.verdicts()
    assert {verdicts[name]["status"] for name in ("observed/database", "healed/database")} == {"pass"}
    assert len(before & _uids(plane)) == 1, "one of the two members was replaced"
    assert [each for each in plane.items("/api/v1/pods") if MARK in each["metadata"].get("labels", {})] == []
    with opened(kubeconfig.of("admin"), [NAMESPACE]) as api:
        held = cluster_lease.read(api, NAMESPACE)
    assert held is not None
    assert held.holder == ""


def _uids(plane: ControlPlane) -> set[str]:
    query = f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=cluster-name%3Dshop-1"
    return {pod["metadata"]["uid"] for pod in plane.items(query)}


def test_a_trial_is_refused_before_anything_is_sent(plane: ControlPlane, shop: Plain, tmp_path: Path) -> None:
    """On another cluster, and where the file does not say which pods are meant."""
    ended = call(tmp_path, "run", files(tmp_path, plane, shop, uid="00000000-0000-4000-8000-000000000000"), "--runs", tmp_path / "runs")
    assert (ended.code, "this is not the cluster of the environment file" in ended.said) == (2, True), ended.said
    ended = call(tmp_path, "validate", files(tmp_path, plane, shop, shards=[]))
    assert (ended.code, "cluster.shards does not say which pods are shard 1" in ended.said) == (2, True), ended.said


def test_a_trial_is_refused_while_another_one_works_in_the_cluster(
    plane: ControlPlane, shop: Plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From whatever machine; the lock of this machine is free again afterwards."""
    monkeypatch.setattr(cluster_lease, "LENGTH_S", 4)
    monkeypatch.setattr(cluster_lease, "RENEW_S", 0.5)
    plan = files(tmp_path, plane, shop)
    hold = Hold(platform.cluster(plane, "zalando", NAMESPACE), "somebody-else")
    hold.take()
    try:
        ended = call(tmp_path, "run", plan, "--runs", tmp_path / "runs")
        assert (ended.code, "another run works in the cluster: somebody-else" in ended.said) == (2, True), ended.said
    finally:
        hold.release()


def test_the_doctor_says_what_it_takes_for_what(plane: ControlPlane, shop: Plain, tmp_path: Path) -> None:
    """Without a change."""
    files(tmp_path, plane, shop)
    whole(platform.deployment(tmp_path / "root", platform.cluster(plane, "zalando", NAMESPACE)))
    ended = call(tmp_path, "doctor", "--environment", tmp_path / "plain-staging.yaml")
    assert "shop-1-0" in ended.said, ended.said
    assert "the rights for every kind of fault are given" in ended.said
