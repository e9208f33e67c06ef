"""A platform on a control plane, as tests break it: a database of two members in each of two zones' namespaces, an application in both zones."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from closeshave.cluster import PRESETS, ApplicationPods, Cluster, ClusterInUse, Operator, ShardPods
from closeshave.deployment import Deployment
from closeshave.topology import Shard, Topology
from tests.faults import toys
from tests.kubernetes.controlplane import ControlPlane, add_node, until

EAST, WEST = "us-east-1", "eu-west-1"
ZONES = {EAST: ("zone-a",), WEST: ("zone-b",)}
HOLDER = "the-test-1"
PLACED = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}


def labels_of(preset: Operator, name: str) -> dict[str, str]:
    """Of every pod of a database."""
    return {**PRESETS[preset].always, PRESETS[preset].cluster: name}


def _pods(labels: dict[str, str], container: str) -> dict[str, Any]:
    given = {"cpu": "1", "memory": "512Mi"}
    spread = [{**PLACED, "labelSelector": {"matchLabels": labels}}]
    # The image is never fetched: no kubelet runs it.
    containers = [{"name": container, "image": "example.invalid/nothing:1", "resources": {"requests": given, "limits": given}}]
    return {
        "metadata": {"labels": labels},
        "spec": {"containers": containers, "topologySpreadConstraints": spread, "terminationGracePeriodSeconds": 2},
    }


def make(plane: ControlPlane, preset: Operator, namespace: str) -> None:
    """The namespace with shard 1 (two members) and the application (two pods in each zone)."""
    if namespace not in {each["metadata"]["name"] for each in plane.items("/api/v1/namespaces")}:
        plane.ask("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    until("the account of the namespace", lambda: plane.items(f"/api/v1/namespaces/{namespace}/serviceaccounts"))
    held = labels_of(preset, "shop-1")
    database = {"replicas": 2, "serviceName": "shop-1", "selector": {"matchLabels": held}, "podManagementPolicy": "Parallel"}
    plane.ask(
        "POST",
        f"/apis/apps/v1/namespaces/{namespace}/statefulsets",
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": "shop-1"},
            "spec": {**database, "template": _pods(held, "postgres")},
        },
    )
    app = {"app.kubernetes.io/name": "api"}
    plane.ask(
        "POST",
        f"/apis/apps/v1/namespaces/{namespace}/deployments",
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "api"},
            "spec": {"replicas": 4, "selector": {"matchLabels": app}, "template": _pods(app, "api")},
        },
    )


def add_nodes(plane: ControlPlane) -> None:
    """Two in each zone."""
    for zone in ("zone-a", "zone-b"):
        for number in (1, 2):
            add_node(plane, f"{zone}-{number}", zone)


def cluster(plane: ControlPlane, preset: Operator, namespace: str, **changes: Any) -> Cluster:
    """As an environment file describes it."""
    described = Cluster(
        uid=plane.uid,
        namespaces=(namespace,),
        context="admin",
        preset=preset,
        shards=(ShardPods(1, namespace, 2, cluster="shop-1"),),
        application=ApplicationPods(namespace, {"app.kubernetes.io/name": "api"}, 4),
        zones=ZONES,
        pods_at_once=10,
        nodes_at_once=2,
    )
    return replace(described, **changes)


def deployment(root: Path, described: Cluster, holder: str = HOLDER) -> Deployment:
    """The platform as a run knows it."""
    topology = Topology((EAST, WEST), (Shard(1, 1, 100, EAST, WEST),))
    found = replace(toys.deployment(root), kind="kubernetes", topology=topology, cluster=ClusterInUse(described, holder))
    found.save()
    return found


@dataclass
class PlayedOperator:
    """Plays Patroni: labels one ready member as the primary; one that was cut off gives the role up when it is back."""

    plane: ControlPlane
    preset: Operator
    namespace: str
    trouble: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def play(self) -> None:
        """Until :meth:`stop`."""
        while not self._over.wait(0.2):
            try:
                self._round()
            except (AssertionError, httpx.HTTPError) as error:
                self.trouble.append(str(error))

    def stop(self) -> None:
        """End playing."""
        self._over.set()

    def _round(self) -> None:
        role, value = PRESETS[self.preset].role, PRESETS[self.preset].primary[0]
        wanted = ",".join(f"{key}={text}" for key, text in labels_of(self.preset, "shop-1").items())
        pods = self.plane.items(f"/api/v1/namespaces/{self.namespace}/pods?labelSelector={wanted}")
        ready = [pod for pod in pods if _ready(pod)]
        leads = [pod for pod in ready if pod["metadata"]["labels"].get(role) == value]
        chosen = leads or ready
        for pod in ready:
            label = value if chosen and pod is chosen[-1] else "replica"
            if pod["metadata"]["labels"].get(role) != label:
                at = f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}"
                self.plane.ask("PATCH", at, {"metadata": {"uid": pod["metadata"]["uid"], "labels": {role: label}}})


def _ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    return not pod["metadata"].get("deletionTimestamp") and any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


@contextmanager
def operated(plane: ControlPlane, preset: Operator, namespace: str) -> Iterator[PlayedOperator]:
    """Played while the block lasts."""
    played = PlayedOperator(plane, preset, namespace)
    thread = threading.Thread(target=played.play, daemon=True)
    thread.start()
    try:
        yield played
    finally:
        played.stop()
        thread.join(10)
