"""The pods and nodes that a fault is aimed at, as the cluster's API describes them now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from closeshave.clients import kubeconfig
from closeshave.clients.kubernetes import ClusterApi, NoCluster, Object, objects, opened, part, path
from closeshave.cluster import Cluster, ClusterInUse, selector
from closeshave.faults.kind import Aim, Proof
from closeshave.faults.kubernetes.marks import MARK, NODES, PODS, marked
from closeshave.plurals import counted

WITH_SHARDS = ("region.", "service.node-drained.")
"""With one of these begin the marks of faults on a region that take members of databases with them, whatever pods of it they are aimed at."""
OWN = "closeshave.io/harness"
"""The label of the harness's own pods."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod."""

    namespace: str
    name: str
    uid: str
    node: str
    """The node to which it is bound; empty before."""
    ready: bool
    """Whether it is ready and not about to end."""
    mark: str
    """The mark of a fault; empty without one."""
    daemon: bool
    """Whether a DaemonSet made it: such a pod stays on its node, or comes back at once, whatever is done."""
    ours: bool
    """Whether it is a part of the harness, which no fault touches."""
    spec: Mapping[str, Any]
    status: Mapping[str, Any]

    @property
    def at(self) -> str:
        """Its path."""
        return path(PODS, self.namespace, self.name)


def in_use(aim: Aim) -> ClusterInUse:
    """The cluster of the environment that a fault is aimed at. Raises :class:`RuntimeError` for one that has none."""
    if aim.deployment.cluster is None:
        raise RuntimeError(f"{aim.deployment.name} describes no cluster")
    return aim.deployment.cluster


@contextmanager
def asked(aim: Aim) -> Iterator[tuple[ClusterApi, Cluster]]:
    """The API of the cluster. Raises :class:`closeshave.clients.kubernetes.NoCluster` where it cannot be reached."""
    cluster = in_use(aim).cluster
    try:
        access = kubeconfig.of(cluster.context)
    except kubeconfig.NoAccess as error:
        raise NoCluster(str(error)) from None
    with opened(access, cluster.namespaces) as api:
        yield api, cluster


def pod_of(told: Object, namespace: str) -> Pod:
    """A pod from the API's answer; what is missing there is empty. Pure."""
    about, spec, status, labels = part(told, "metadata"), part(told, "spec"), part(told, "status"), part(told, "metadata", "labels")
    ready = any(each.get("type") == "Ready" and each.get("status") == "True" for each in objects(status.get("conditions")))
    return Pod(
        namespace,
        str(about.get("name", "")),
        str(about.get("uid", "")),
        str(spec.get("nodeName") or ""),
        ready and not about.get("deletionTimestamp"),
        str(labels.get(MARK, "")),
        any(each.get("kind") == "DaemonSet" for each in objects(about.get("ownerReferences"))),
        OWN in labels,
        spec,
        status,
    )


def _pods(api: ClusterApi, namespace: str, labels: str = "") -> tuple[Pod, ...]:
    found = [pod_of(each, namespace) for each in api.listed(path(PODS, namespace), labels)]
    # One that has ended (a Job's) is nobody's part any more.
    return tuple(sorted((each for each in found if each.status.get("phase") not in {"Succeeded", "Failed"}), key=lambda pod: pod.name))


def of_shard(api: ClusterApi, cluster: Cluster, shard: int) -> tuple[Pod, ...]:
    """Every member of a shard, by name. Raises :class:`KeyError` for one that the file does not describe."""
    return _pods(api, cluster.by_id[shard].namespace, cluster.members(shard))


def primaries(api: ClusterApi, cluster: Cluster, shard: int) -> tuple[Pod, ...]:
    """The pods that are labelled as a shard's primary: one, when it is well."""
    return _pods(api, cluster.by_id[shard].namespace, cluster.primaries(shard))


def nodes_of(api: ClusterApi, cluster: Cluster, region: str) -> tuple[Object, ...]:
    """The nodes of a region, by the label of their zone; all nodes, where the file names no zones."""
    zones = cluster.zones.get(region, ())
    return api.listed(path(NODES), f"{cluster.zone_label} in ({','.join(zones)})" if zones else "")


def name_of(told: Object) -> str:
    """The name of an object."""
    return str(part(told, "metadata").get("name", ""))


def in_region(api: ClusterApi, cluster: Cluster, region: str) -> tuple[Pod, ...]:
    """Every pod of the named namespaces on a node of the region, but for those of DaemonSets and of the harness."""
    nodes = {name_of(each) for each in nodes_of(api, cluster, region)}
    found = (pod for namespace in cluster.namespaces for pod in _pods(api, namespace) if pod.node in nodes)
    return tuple(pod for pod in found if not pod.daemon and not pod.ours)


def of_application(api: ClusterApi, cluster: Cluster, region: str) -> tuple[Pod, ...]:
    """The application's pods on nodes of the region."""
    nodes = {name_of(each) for each in nodes_of(api, cluster, region)}
    return tuple(pod for pod in everywhere(api, cluster) if pod.node in nodes)


def everywhere(api: ClusterApi, cluster: Cluster) -> tuple[Pod, ...]:
    """The application's pods in all regions."""
    app = cluster.application
    return () if app is None else _pods(api, app.namespace, selector(app.labels))


def too_many(cluster: Cluster, pods: Sequence[Pod]) -> str:
    """Why a fault must not touch these pods; empty when it may. Pure."""
    if not pods:
        return "there is no pod to touch"
    if len(pods) > cluster.pods_at_once:
        return f"{counted(len(pods), 'pod')} would be touched at once; the environment file allows {cluster.pods_at_once} (cluster.pods_at_once)"
    if any(pod.ours for pod in pods):
        return "the harness's own pods are among them: the labels in the environment file must not match them"
    if held := [f"{pod.name} ({pod.mark})" for pod in pods if pod.mark]:
        return f"another fault has marked {', '.join(held)}: heal it first"
    return ""


def shard_troubles(api: ClusterApi, cluster: Cluster, shard: int) -> str:
    """Why a shard is not as declared; empty when all its members are ready and one is the primary."""
    if shard not in cluster.by_id:
        return f"the environment file does not say which pods are shard {shard} (cluster.shards)"
    members, leads, wanted = of_shard(api, cluster, shard), primaries(api, cluster, shard), cluster.by_id[shard].instances
    ready = [pod for pod in members if pod.ready]
    if len(ready) < wanted:
        return f"shard {shard} has {len(ready)} of {counted(wanted, 'ready member')}"
    if len(leads) != 1 or not leads[0].ready:
        return f"shard {shard} has {counted(len(leads), 'pod')} labelled as primary{'' if len(leads) != 1 else ', which is not ready'}"
    return ""


def application_troubles(api: ClusterApi, cluster: Cluster) -> str:
    """Why the application is not as declared; empty when enough of its pods are ready. Where they are is up to the cluster's scheduler."""
    if cluster.application is None:
        return "the environment file does not say which pods are the application (cluster.application)"
    ready, wanted = sum(pod.ready for pod in everywhere(api, cluster)), cluster.application.instances
    return "" if ready >= wanted else f"the application has {ready} of {counted(wanted, 'ready pod')}"


def shard_whole(api: ClusterApi, cluster: Cluster, shard: int) -> Proof:
    """Every member of a shard is ready, and one is the primary."""
    troubles = shard_troubles(api, cluster, shard)
    return Proof(f"shard {shard} has all its members and one primary", not troubles, troubles or "all are ready")


def application_whole(api: ClusterApi, cluster: Cluster) -> Proof:
    """As many of the application's pods as declared are ready."""
    troubles = application_troubles(api, cluster)
    return Proof("the application has all its pods", not troubles, troubles or "all are ready")


def unmarked(api: ClusterApi, cluster: Cluster, mark: str) -> Proof:
    """Nothing in the cluster carries the fault's mark any more."""
    left = [each.name for each in marked(api, cluster, mark)]
    return Proof("nothing in the cluster carries the mark of the fault", not left, ", ".join(left) or "nothing does")


def shards_in(aim: Aim, cluster: Cluster) -> tuple[int, ...]:
    """The described shards that have a member in the region of a fault. Pure."""
    there = (shard.id for shard in aim.deployment.topology.shards if aim.scope["region"] in {shard.home, *shard.standbys})
    return tuple(shard for shard in there if shard in cluster.by_id)


def whole(aim: Aim, mark: str) -> tuple[Proof, ...]:
    """Everything that must be true after a fault on this scope."""
    with asked(aim) as (api, cluster):
        proofs = [unmarked(api, cluster, mark)]
        if "shard" in aim.scope:
            proofs.append(shard_whole(api, cluster, int(aim.scope["shard"])))
        elif mark.startswith(WITH_SHARDS):
            proofs += [shard_whole(api, cluster, shard) for shard in shards_in(aim, cluster)]
        if "region" in aim.scope and cluster.application is not None:
            proofs.append(application_whole(api, cluster))
        return tuple(proofs)
