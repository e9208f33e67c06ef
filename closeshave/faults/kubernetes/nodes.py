"""Nodes are cordoned, so that nothing new is placed there, and the pods on them are deleted or evicted."""

from __future__ import annotations

from closeshave.clients.kubernetes import ClusterRefused, Object, part, path
from closeshave.faults.kind import NotSeen
from closeshave.faults.kubernetes import marks, pods
from closeshave.faults.kubernetes.act import Act, Struck
from closeshave.faults.kubernetes.isolating import region_troubles, region_unfit
from closeshave.faults.kubernetes.killing import kill
from closeshave.faults.kubernetes.pods import Pod, name_of
from closeshave.history import Injection, Sighting
from closeshave.plurals import counted

TOO_MANY_REQUESTS = 429
"""The answer to an eviction that a PodDisruptionBudget does not allow now."""


def usable(node: Object) -> bool:
    """Whether new pods may be placed on a node: those that somebody has cordoned are neither touched nor put back. Pure."""
    return not part(node, "spec").get("unschedulable")


def cordon(struck: Struck, nodes: tuple[Object, ...]) -> tuple[str, ...]:
    """Mark and cordon nodes in one request each."""
    told = marks.metadata(pods.in_use(struck.aim), struck.mark)
    for node in nodes:
        struck.api.patch(path(marks.NODES, name=name_of(node)), {"metadata": told, "spec": {"unschedulable": True}})
    return tuple(f"node {name_of(node)} cordoned" for node in nodes)


def too_many_nodes(struck: Struck, nodes: tuple[Object, ...]) -> str:
    """Why these nodes must not be cordoned; empty when they may."""
    if not nodes:
        return "there is no node that could be cordoned"
    if len(nodes) > (most := struck.cluster.nodes_at_once):
        return f"{counted(len(nodes), 'node')} would be cordoned; the environment file allows {most} (cluster.nodes_at_once)"
    return ""


def _region(struck: Struck) -> str:
    return str(struck.aim.scope["region"])


def _usable(struck: Struck) -> tuple[Object, ...]:
    return tuple(node for node in pods.nodes_of(struck.api, struck.cluster, _region(struck)) if usable(node))


def _lost_unfit(struck: Struck) -> str:
    return region_unfit(struck) or too_many_nodes(struck, _usable(struck))


def _lose(struck: Struck) -> tuple[str, ...]:
    cordoned = cordon(struck, _usable(struck))
    return (*cordoned, *kill(struck, pods.in_region(struck.api, struck.cluster, _region(struck))))


def _lost(struck: Struck, _injection: Injection) -> Sighting | NotSeen:
    left = [pod.name for pod in pods.in_region(struck.api, struck.cluster, _region(struck))]
    if left:
        return NotSeen(f"on the nodes of {_region(struck)} there are still {', '.join(left)}")
    return Sighting("the list of pods on the region's nodes", "none of the named namespaces")


def _busiest(struck: Struck) -> tuple[Object, ...]:
    """The node of the region with most of the application's pods, the first by name among equals."""
    counts: dict[str, int] = {}
    for pod in pods.of_application(struck.api, struck.cluster, _region(struck)):
        counts[pod.node] = counts.get(pod.node, 0) + 1
    there = [node for node in _usable(struck) if name_of(node) in counts]
    return tuple(sorted(there, key=lambda node: (-counts[name_of(node)], name_of(node)))[:1])


def _drain_unfit(struck: Struck) -> str:
    # Whoever drains a node evicts the members of databases there, too.
    troubles = pods.application_troubles(struck.api, struck.cluster) or region_troubles(struck)
    return troubles or too_many_nodes(struck, nodes := _busiest(struck)) or pods.too_many(struck.cluster, _on(struck, name_of(nodes[0])))


def _on(struck: Struck, node: str) -> tuple[Pod, ...]:
    return tuple(pod for pod in pods.in_region(struck.api, struck.cluster, _region(struck)) if pod.node == node)


def _drain(struck: Struck) -> tuple[str, ...]:
    node = _busiest(struck)
    return (*cordon(struck, node), *_evict(struck))


def _marked(struck: Struck) -> list[str]:
    """The nodes with the fault's mark: after the injection nothing else says which node was meant."""
    return [each.name for each in marks.marked(struck.api, struck.cluster, struck.mark) if each.way == "uncordon"]


def _evict(struck: Struck) -> tuple[str, ...]:
    """Ask for the eviction of all that is left; the cluster refuses what a disruption budget forbids now, and is asked again."""
    done = []
    for pod in (pod for node in _marked(struck) for pod in _on(struck, node)):
        about = {"name": pod.name, "namespace": pod.namespace}
        wanted = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": about, "deleteOptions": {"preconditions": {"uid": pod.uid}}}
        try:
            struck.api.create(path(marks.PODS, pod.namespace, pod.name, "eviction"), wanted)
            done.append(f"pod {pod.name} evicted {pod.uid}")
        except ClusterRefused as error:
            if not error.missing and error.status not in {TOO_MANY_REQUESTS, 409}:
                raise
    return tuple(done)


def _drained(struck: Struck, _injection: Injection) -> Sighting | NotSeen:
    nodes = _marked(struck)
    left = [pod.name for node in nodes for pod in _on(struck, node)]
    if not nodes or left:
        return NotSeen(f"{', '.join(nodes)} still has {', '.join(left)}" if nodes else "no node is cordoned by this fault")
    return Sighting("the list of pods on the node", f"none of the named namespaces on {', '.join(nodes)}")


REGION_LOST = Act(
    does="Cordons every node of the region's zones and deletes the pods of the named namespaces on them without a time to end in order.",
    observed_by="No pod of the named namespaces is listed on the region's nodes.",
    undone_by="Uncordons the nodes; proven by the absence of marks and by ready pods as declared.",
    unfit=_lost_unfit,
    strike=_lose,
    look=_lost,
)
NODE_DRAINED = Act(
    does="Cordons the node with most of the application's pods in the region, and evicts those of the named namespaces, as budgets allow.",
    observed_by="No pod of the named namespaces is listed on the node.",
    undone_by="Uncordons the node; proven by the absence of the mark and by ready pods as declared.",
    unfit=_drain_unfit,
    strike=_drain,
    look=_drained,
    again=_evict,
    again_does="asks again for the eviction of what is left on the node",
    # A disruption budget lets one pod go after the other, and each has its grace period.
    observed_within_s=300.0,
)
