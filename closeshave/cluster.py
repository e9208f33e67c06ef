"""A Kubernetes cluster as an environment file describes it: which cluster it is, the only namespaces that may be changed, and which pods are which part.

Pods are known by labels, because names change with every replacement. The operators that run most PostgreSQL clusters have conventions for these labels
(:data:`PRESETS`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from closeshave.files.yamlfile import STRICT, WholeNumber, stated

Labels = Mapping[str, str]
Location = tuple[str | int, ...]

NAMESPACE = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
"""A label of RFC 1123: how Kubernetes names namespaces, containers and ports."""
LABEL_KEY = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"
"""Kubernetes' own rules (kubernetes.io/docs/concepts/overview/working-with-objects/labels)."""
UID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
ZONE_LABEL = "topology.kubernetes.io/zone"
"""The well-known label of a node's failure domain."""
Operator = Literal["patroni", "cloudnative-pg", "zalando"]


@dataclass(frozen=True, slots=True)
class Preset:
    """How an operator of PostgreSQL labels the pods of a cluster."""

    cluster: str
    """The label with the cluster's name."""
    always: Labels
    """Labels that every pod of a database has."""
    role: str
    """The label with the member's role."""
    primary: tuple[str, ...]
    """The values of that label for the primary."""


PRESETS: Mapping[Operator, Preset] = MappingProxyType(
    {
        # patroni.readthedocs.io, "Kubernetes environment variables": scope_label, role_label; the leader's value was master before Patroni 4.
        "patroni": Preset("cluster-name", {"application": "patroni"}, "role", ("primary", "master")),
        # cloudnative-pg.io, "Labels and annotations".
        "cloudnative-pg": Preset("cnpg.io/cluster", {"cnpg.io/podRole": "instance"}, "cnpg.io/instanceRole", ("primary",)),
        # postgres-operator.readthedocs.io: cluster_labels, cluster_name_label, pod_role_label.
        "zalando": Preset("cluster-name", {"application": "spilo"}, "spilo-role", ("master", "primary")),
    }
)


@dataclass(frozen=True, slots=True)
class ShardPods:
    """The pods of a shard's database."""

    __pydantic_config__ = STRICT

    id: WholeNumber
    """The shard's number, as in `shards` of the platform; 1 for a platform that names none."""
    namespace: Annotated[str, stated(pattern=NAMESPACE)]
    """One of `namespaces`."""
    instances: Annotated[WholeNumber, Field(ge=1, le=100)]
    """How many members it has when it is healthy; a fault is healed only when so many are ready, and one of them is the primary."""
    cluster: str = ""
    """The cluster's name, as the operator of `preset` knows it."""
    labels: Labels = field(default_factory=dict)
    """Instead of `cluster`: the labels that all its pods have, and no other pods."""
    primary: Labels = field(default_factory=dict)
    """With `labels`: those that only the primary has besides."""


@dataclass(frozen=True, slots=True)
class ApplicationPods:
    """The pods of the application."""

    __pydantic_config__ = STRICT

    namespace: Annotated[str, stated(pattern=NAMESPACE)]
    """One of `namespaces`."""
    labels: Annotated[Labels, stated(minProperties=1)]
    """The labels that all its pods have, and no other pods."""
    instances: Annotated[WholeNumber, Field(ge=1, le=1000)]
    """How many of them there are in all regions together when it is healthy; a fault is healed only when so many are ready, wherever they are."""
    container: str = ""
    """The container that is squeezed; by default a pod's first."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Which cluster the platform runs on, what may be changed there, and which pods are which part."""

    __pydantic_config__ = STRICT

    uid: Annotated[str, stated(pattern=UID)]
    """The UID of its namespace `kube-system`, which no two clusters share: `kubectl get namespace kube-system -o jsonpath={.metadata.uid}`."""
    namespaces: Annotated[tuple[str, ...], stated(minItems=1)]
    """The only namespaces in which the harness changes anything. Its lease is in the first one."""
    context: str | None = None
    """The context of the kubeconfig, which must be named there. Left out: the service account of the pod in which the harness runs."""
    preset: Operator | None = None
    """Whose labels the databases' pods have."""
    shards: tuple[ShardPods, ...] = ()
    """The pods of each shard's database; a shard without them cannot be broken here."""
    application: ApplicationPods | None = None
    """The application's pods; without this, faults of the family `service` cannot be injected."""
    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Region → the zones of its nodes, by the label of `zone_label`. Left out for the only region of a platform: all nodes."""
    zone_label: Annotated[str, stated(pattern=LABEL_KEY)] = ZONE_LABEL
    """The label of nodes that says their zone."""
    pods_at_once: Annotated[WholeNumber, Field(ge=1, le=10_000)] = 10
    """Blast radius: the most pods that one fault may touch."""
    nodes_at_once: Annotated[WholeNumber, Field(le=1000)] = 0
    """Blast radius: the most nodes that one fault may cordon."""

    @property
    def by_id(self) -> Mapping[int, ShardPods]:
        """The pods of each shard, by its number."""
        return {each.id: each for each in self.shards}

    def members(self, shard: int) -> str:
        """The label selector of a shard's pods. Raises :class:`KeyError`."""
        at = self.by_id[shard]
        if self.preset is None or at.labels:
            return selector(at.labels)
        preset = PRESETS[self.preset]
        return selector({**preset.always, preset.cluster: at.cluster})

    def primaries(self, shard: int) -> str:
        """The label selector of a shard's primary. Raises :class:`KeyError`."""
        at = self.by_id[shard]
        if self.preset is None or at.labels:
            return selector({**at.labels, **at.primary})
        preset = PRESETS[self.preset]
        return f"{self.members(shard)},{preset.role} in ({','.join(preset.primary)})"


@dataclass(frozen=True, slots=True)
class ClusterInUse:
    """A cluster, and who holds its lease during this run."""

    cluster: Cluster
    holder: str
    """The holder's name in the lease. Everything that this run changes carries it; whoever heals knows by it whether the run still lives."""


def selector(labels: Labels) -> str:
    """Labels as a query: ``app=api,tier=web``. Pure."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def wrong(cluster: Cluster, shards: tuple[int, ...], regions: tuple[str, ...]) -> Iterator[tuple[Location, str]]:
    """What is wrong with a well-formed description: where, and what would be right. Pure."""
    if not re.fullmatch(UID, cluster.uid):
        yield ("uid",), f"{cluster.uid!r} is no UID; kubectl get namespace kube-system -o jsonpath={{.metadata.uid}} prints the right one"
    if not cluster.namespaces:
        yield ("namespaces",), "name at least one namespace"
    for index, name in enumerate(cluster.namespaces):
        if not re.fullmatch(NAMESPACE, name):
            yield ("namespaces", index), f"{name!r} is no name of a namespace: small letters, digits and hyphens, at most 63"
        elif name.startswith("kube-"):
            yield ("namespaces", index), f"{name} belongs to Kubernetes itself and is never changed"
    if not re.fullmatch(LABEL_KEY, cluster.zone_label):
        yield ("zone_label",), f"{cluster.zone_label!r} is no key of a label"
    if len(cluster.by_id) != len(cluster.shards):
        yield ("shards",), "two of them have the same id"
    for index, at in enumerate(cluster.shards):
        yield from ((("shards", index, *place), said) for place, said in _wrong_shard(cluster, at, shards))
    yield from _wrong_application(cluster)
    yield from _wrong_zones(cluster, regions)


def _wrong_application(cluster: Cluster) -> Iterator[tuple[Location, str]]:
    if (app := cluster.application) is None:
        return
    yield from _wrong_namespace(cluster, app.namespace, ("application", "namespace"))
    yield from _wrong_labels(app.labels, ("application", "labels"))
    if app.container and not re.fullmatch(NAMESPACE, app.container):
        yield ("application", "container"), f"{app.container!r} is no name of a container"


def _wrong_shard(cluster: Cluster, at: ShardPods, shards: tuple[int, ...]) -> Iterator[tuple[Location, str]]:
    if at.id not in shards:
        yield ("id",), f"there is no shard {at.id}; available: {', '.join(map(str, shards))}"
    yield from _wrong_namespace(cluster, at.namespace, ("namespace",))
    if at.labels or at.primary or cluster.preset is None:
        if at.cluster:
            said = "leave it out" if cluster.preset else f"name a preset ({', '.join(PRESETS)})"
            yield ("cluster",), f"is looked for by a preset's labels: {said}, or give labels and primary instead"
        yield from _wrong_labels(at.labels, ("labels",))
        yield from _wrong_labels(at.primary, ("primary",))
    elif not at.cluster or not re.fullmatch(LABEL_VALUE, at.cluster):
        yield ("cluster",), f"the name of the cluster, as its label {PRESETS[cluster.preset].cluster} has it"


def _wrong_namespace(cluster: Cluster, name: str, place: Location) -> Iterator[tuple[Location, str]]:
    if name not in cluster.namespaces:
        yield place, f"{name!r} is not one of cluster.namespaces: {', '.join(cluster.namespaces)}"


def _wrong_labels(labels: Labels, place: Location) -> Iterator[tuple[Location, str]]:
    if not labels:
        yield place, "give at least one label: without one every pod of the namespace is meant"
    for key, value in labels.items():
        if not re.fullmatch(LABEL_KEY, key):
            yield (*place, key), f"{key!r} is no key of a label"
        elif not re.fullmatch(LABEL_VALUE, value):
            yield (*place, key), f"{value!r} is no value of a label: letters, digits, dots, hyphens and underscores, at most 63"


def _wrong_zones(cluster: Cluster, regions: tuple[str, ...]) -> Iterator[tuple[Location, str]]:
    seen: dict[str, str] = {}
    for region, zones in cluster.zones.items():
        if region not in regions:
            yield ("zones", region), f"{region!r} is not a region of this environment; available: {', '.join(regions)}"
        if not zones:
            yield ("zones", region), "name at least one zone"
        for index, zone in enumerate(zones):
            if not zone or not re.fullmatch(LABEL_VALUE, zone):
                yield ("zones", region, index), f"{zone!r} is no value of a label"
            elif zone in seen:
                yield ("zones", region, index), f"{zone} is in {seen[zone]} already"
            seen.setdefault(zone, region)
    if len(regions) > 1 and cluster.zones and (lacking := [region for region in regions if region not in cluster.zones]):
        yield ("zones",), f"say the zones of {', '.join(lacking)} too, or of no region"


@dataclass(frozen=True, slots=True)
class Grant:
    """A right that a fault needs on the cluster."""

    group: str
    """The API group; empty for the core."""
    resource: str
    verbs: tuple[str, ...]
    """As RBAC names them."""
    everywhere: bool = False
    """Whether the objects have no namespace."""


PODS_READ = Grant("", "pods", ("get", "list"))
PODS_DELETED = Grant("", "pods", ("delete",))
PODS_MARKED = Grant("", "pods", ("patch",))
EVICTED = Grant("", "pods/eviction", ("create",))
RESIZED = Grant("", "pods/resize", ("patch",))
POLICIES_READ = Grant("networking.k8s.io", "networkpolicies", ("get", "list"))
POLICIES_CHANGED = Grant("networking.k8s.io", "networkpolicies", ("create", "delete"))
NODES_READ = Grant("", "nodes", ("get", "list"), everywhere=True)
NODES_CORDONED = Grant("", "nodes", ("patch",), everywhere=True)
READING = (PODS_READ, POLICIES_READ, NODES_READ)
"""What every run needs that describes a cluster, beside its lease and the name of the cluster."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a kind of fault needs of the description of a cluster, and of the rights there."""

    grants: tuple[Grant, ...]
    application: bool = False
    nodes: bool = False


NEEDS: Mapping[str, Need] = MappingProxyType(
    {
        "shard.primary-killed": Need((PODS_DELETED,)),
        "shard.primary-partitioned": Need((PODS_MARKED, POLICIES_CHANGED)),
        "service.killed": Need((PODS_DELETED,), application=True),
        "service.cpu-squeezed": Need((PODS_MARKED, RESIZED), application=True),
        "service.memory-squeezed": Need((PODS_MARKED, RESIZED), application=True),
        "service.node-drained": Need((NODES_CORDONED, EVICTED), application=True, nodes=True),
        "region.partitioned": Need((PODS_MARKED, POLICIES_CHANGED)),
        "region.lost": Need((NODES_CORDONED, PODS_DELETED), nodes=True),
    }
)
"""The kinds of faults that a cluster can have without a hook of its operator."""


def lacking(cluster: Cluster, kind: str, scope: Mapping[str, str | int], regions: tuple[str, ...]) -> str:
    """What the description of a cluster lacks for a fault; empty if nothing, or if a cluster cannot have that kind. Pure."""
    need = NEEDS.get(kind)
    if need is None:
        return ""
    if "shard" in scope and int(scope["shard"]) not in cluster.by_id:
        return f"cluster.shards does not say which pods are shard {scope['shard']}"
    if need.application and cluster.application is None:
        return "cluster.application does not say which pods are the application"
    if "region" in scope and len(regions) > 1 and scope["region"] not in cluster.zones:
        return f"cluster.zones does not say in which zones {scope['region']} is"
    if need.nodes and not cluster.nodes_at_once:
        return "cluster.nodes_at_once allows no node to be cordoned"
    return ""
