"""Pods are cut off from everything by a NetworkPolicy that selects them and allows nothing. Whether it takes effect is up to the network plugin."""

from __future__ import annotations

import hashlib

from closeshave.clients.kubernetes import path
from closeshave.faults.kind import NotSeen
from closeshave.faults.kubernetes import marks, pods
from closeshave.faults.kubernetes.act import Act, Struck
from closeshave.faults.kubernetes.killing import primary_unfit
from closeshave.faults.kubernetes.pods import Pod
from closeshave.history import Injection, Sighting
from closeshave.plurals import counted

UNREADY = ", not ready before"


def policy(struck: Struck, namespace: str) -> dict[str, object]:
    """A policy that allows nothing, for the pods with the fault's mark."""
    named = hashlib.sha256(struck.mark.encode()).hexdigest()[:12]
    about = {"name": f"closeshave-{named}", "namespace": namespace, **marks.metadata(pods.in_use(struck.aim), struck.mark)}
    spec = {"podSelector": {"matchLabels": {marks.MARK: struck.mark}}, "policyTypes": ["Ingress", "Egress"]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": about, "spec": spec}


def isolate(struck: Struck, victims: tuple[Pod, ...]) -> tuple[str, ...]:
    """The policies first, which select nothing yet; then each pod is marked, and with that cut off."""
    for namespace in sorted({pod.namespace for pod in victims}):
        struck.api.create(path(marks.POLICIES, namespace), policy(struck, namespace))
    for pod in victims:
        struck.api.patch(pod.at, {"metadata": {**marks.metadata(pods.in_use(struck.aim), struck.mark), "uid": pod.uid}})
    return tuple(map(told, victims))


def told(pod: Pod) -> str:
    """A pod that is cut off, as the timeline names it, and whether it was ready until then. Pure."""
    return f"pod {pod.name} {pod.uid}{'' if pod.ready else UNREADY}"


def cut_off(mark: str, found: tuple[Pod, ...], injection: Injection) -> Sighting | NotSeen:
    """The cluster itself notices: a pod with the mark was ready, and is not any more. That the policy exists proves nothing, nor does a pod that was
    not ready before: a region has pods that are no part of what is checked first. Pure."""
    ready_before = {each.split()[-1] for each in map(str, injection.touched) if not each.endswith(UNREADY)}
    victims = [pod for pod in found if pod.mark == mark and pod.uid in ready_before]
    if not victims:
        return NotSeen("no pod that was ready before has the mark of the policy, so that nothing shows whether it takes effect")
    unready = [pod.name for pod in victims if not pod.ready]
    if unready:
        return Sighting("the conditions of the pods", f"not ready any more: {', '.join(unready)}")
    return NotSeen(
        f"{counted(len(victims), 'pod')} with the policy, and all of them ready still: does the cluster's network plugin enforce NetworkPolicy?"
    )


def _isolate_primary(struck: Struck) -> tuple[str, ...]:
    return isolate(struck, pods.primaries(struck.api, struck.cluster, int(struck.aim.scope["shard"])))


def _primary_cut_off(struck: Struck, injection: Injection) -> Sighting | NotSeen:
    """Another pod has become the primary, or the old one is not ready."""
    shard = int(struck.aim.scope["shard"])
    others = [pod.name for pod in pods.primaries(struck.api, struck.cluster, shard) if pod.mark != struck.mark]
    if others:
        return Sighting("the labels of the shard's pods", f"{', '.join(others)} is the primary now")
    return cut_off(struck.mark, pods.of_shard(struck.api, struck.cluster, shard), injection)


def _region(struck: Struck) -> tuple[Pod, ...]:
    return pods.in_region(struck.api, struck.cluster, str(struck.aim.scope["region"]))


def region_unfit(struck: Struck) -> str:
    """Unfit until the region's parts are as declared."""
    region = str(struck.aim.scope["region"])
    if len(struck.aim.deployment.topology.regions) > 1 and region not in struck.cluster.zones:
        return f"the environment file does not say in which zones {region} is (cluster.zones)"
    return region_troubles(struck) or pods.too_many(struck.cluster, _region(struck))


def region_troubles(struck: Struck) -> str:
    """Why the shards and the application of the fault's region are not as declared; empty when they are."""
    for shard in pods.shards_in(struck.aim, struck.cluster):
        if troubles := pods.shard_troubles(struck.api, struck.cluster, shard):
            return troubles
    return pods.application_troubles(struck.api, struck.cluster) if struck.cluster.application is not None else ""


def _isolate_region(struck: Struck) -> tuple[str, ...]:
    return isolate(struck, _region(struck))


def _region_cut_off(struck: Struck, injection: Injection) -> Sighting | NotSeen:
    return cut_off(struck.mark, _region(struck), injection)


PRIMARY_PARTITIONED = Act(
    does="Cuts the pod of the shard's primary off from everything by a NetworkPolicy.",
    observed_by="Another pod is labelled as the primary, or the pod is not ready any more.",
    undone_by="Removes the policy and the mark; proven by their absence, as many ready members as declared, and one primary.",
    unfit=primary_unfit,
    strike=_isolate_primary,
    look=_primary_cut_off,
    # Patroni gives a primary that is not heard of 30 s.
    observed_within_s=90.0,
)
REGION_PARTITIONED = Act(
    does="Cuts every pod of the named namespaces in the region's zones off from everything, also from each other, by NetworkPolicies.",
    observed_by="Pods of the region that were ready are not ready any more.",
    undone_by="Removes the policies and the marks; proven by their absence and by ready pods as declared.",
    unfit=region_unfit,
    strike=_isolate_region,
    look=_region_cut_off,
    observed_within_s=90.0,
)
