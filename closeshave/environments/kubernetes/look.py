"""The first requests to a cluster: is it the cluster of the file, may this account do what the plan needs, and did an earlier run leave a fault?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from closeshave.clients import kubeconfig
from closeshave.clients.cluster_lease import NAME
from closeshave.clients.kubernetes import ClusterApi, ClusterRefused, NoCluster, Object, opened, part, path
from closeshave.cluster import NEEDS, READING, Cluster, Grant

SYSTEM = "kube-system"
LEASE_GRANT = Grant("coordination.k8s.io", "leases", ("get", "create", "patch"))
MARK = "closeshave.io/fault"
"""The label that a fault leaves (:data:`closeshave.faults.kubernetes.marks.MARK`; a test compares them)."""


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    """What a cluster answers."""

    uid: str = ""
    trouble: str = ""
    """Why there is no answer; empty when there is one."""
    missing: tuple[str, ...] = ()
    """Namespaces of the file that are not there."""
    forbidden: tuple[str, ...] = ()
    """Rights that are needed and not given."""
    marked: tuple[str, ...] = ()
    """Objects that carry the mark of a fault."""


@contextmanager
def reached(cluster: Cluster) -> Iterator[ClusterApi]:
    """The API of the cluster. Raises :class:`NoCluster` where nothing here says how it is reached."""
    try:
        access = kubeconfig.of(cluster.context)
    except kubeconfig.NoAccess as error:
        raise NoCluster(str(error)) from None
    with opened(access, cluster.namespaces) as api:
        yield api


def grants(kinds: Iterable[str]) -> tuple[Grant, ...]:
    """The rights that these kinds of faults need together, each once. Pure."""
    wanted = [*READING, LEASE_GRANT, *(grant for kind in kinds if kind in NEEDS for grant in NEEDS[kind].grants)]
    return tuple(dict.fromkeys(wanted))


def look(cluster: Cluster, kinds: Iterable[str]) -> ClusterSeen:
    """Ask the cluster who it is and what this account may do there; nothing is changed."""
    try:
        with reached(cluster) as api:
            uid = str(part(api.read(path("v1/namespaces", name=SYSTEM)), "metadata").get("uid", ""))
            if uid != cluster.uid:
                return ClusterSeen(uid)
            forbidden = tuple(told for grant in grants(kinds) for told in _forbidden(api, cluster, grant))
            if forbidden:
                return ClusterSeen(uid, forbidden=forbidden)
            missing = tuple(name for name in cluster.namespaces if not _exists(api, name))
            return ClusterSeen(uid, missing=missing, marked=() if missing else tuple(_marked(api, cluster)))
    except NoCluster as error:
        return ClusterSeen(trouble=str(error))


def _exists(api: ClusterApi, namespace: str) -> bool:
    """Asked only where that is allowed: the right to list pods, which was tested, does not tell whether a namespace exists."""
    try:
        return api.found(path("v1/namespaces", name=namespace)) is not None
    except ClusterRefused:
        return True


def _forbidden(api: ClusterApi, cluster: Cluster, grant: Grant) -> Iterator[str]:
    where = [None] if grant.everywhere else list(cluster.namespaces[:1] if grant == LEASE_GRANT else cluster.namespaces)
    for namespace in where:
        for verb in grant.verbs:
            # A role may name the lease; what is made has no name yet.
            name = NAME if grant == LEASE_GRANT and verb != "create" else ""
            if not api.may(verb, grant.group, grant.resource, namespace, name):
                yield f"{verb} {grant.resource}{f' in {namespace}' if namespace else ''}"


def _marked(api: ClusterApi, cluster: Cluster) -> Iterator[str]:
    for namespace in cluster.namespaces:
        for kind in ("v1/pods", "networking.k8s.io/v1/networkpolicies"):
            yield from map(_told, api.listed(path(kind, namespace), MARK))
    yield from map(_told, api.listed(path("v1/nodes"), MARK))


def _told(found: Object) -> str:
    return f"{part(found, 'metadata').get('name')} ({part(found, 'metadata', 'labels').get(MARK)})"
