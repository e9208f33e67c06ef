"""Pods are killed: deleted without a time to end in order."""

from __future__ import annotations

from closeshave.faults.kind import NotSeen
from closeshave.faults.kubernetes import pods
from closeshave.faults.kubernetes.act import Act, Struck
from closeshave.faults.kubernetes.pods import Pod
from closeshave.history import Injection, Sighting

GRACE_S = 0
"""The API forgets the pod at once; its kubelet sends SIGTERM, and SIGKILL after the two seconds that it leaves every container at least."""


def kill(struck: Struck, victims: tuple[Pod, ...]) -> tuple[str, ...]:
    """Delete these pods, and no others that may have their names by now; returns which."""
    return tuple(f"pod {pod.name} {pod.uid}" for pod in victims if struck.api.delete(pod.at, uid=pod.uid, grace_s=GRACE_S))


def gone(found: tuple[Pod, ...], injection: Injection) -> Sighting | NotSeen:
    """None of the killed pods is listed any more: their UIDs do not come back, whatever their names do. Pure."""
    killed = {told.split()[-1]: told.split()[1] for told in map(str, injection.touched)}
    left = [pod.name for pod in found if pod.uid in killed]
    if not killed or left:
        return NotSeen(f"the killed pods {', '.join(left)} are still listed" if left else "no pod was killed")
    return Sighting("the list of pods by labels", f"{', '.join(killed.values())} is not in it any more")


def primary_unfit(struck: Struck) -> str:
    """Unfit until the shard is as declared."""
    shard = int(struck.aim.scope["shard"])
    return pods.shard_troubles(struck.api, struck.cluster, shard) or pods.too_many(
        struck.cluster, pods.primaries(struck.api, struck.cluster, shard)
    )


def _kill_primary(struck: Struck) -> tuple[str, ...]:
    return kill(struck, pods.primaries(struck.api, struck.cluster, int(struck.aim.scope["shard"])))


def _primary_gone(struck: Struck, injection: Injection) -> Sighting | NotSeen:
    return gone(pods.of_shard(struck.api, struck.cluster, int(struck.aim.scope["shard"])), injection)


def instance(struck: Struck) -> tuple[Pod, ...]:
    """The pod of the application that a fault is aimed at; none if the region has fewer."""
    found = pods.of_application(struck.api, struck.cluster, str(struck.aim.scope["region"]))
    number = int(struck.aim.parameters.get("instance", 0))
    return found[number : number + 1]


def instance_unfit(struck: Struck) -> str:
    """Unfit until the application is as declared, and if the region has no pod of the fault's number."""
    troubles = pods.application_troubles(struck.api, struck.cluster)
    return troubles or pods.too_many(struck.cluster, instance(struck))


def _kill_instance(struck: Struck) -> tuple[str, ...]:
    return kill(struck, instance(struck))


def _instance_gone(struck: Struck, injection: Injection) -> Sighting | NotSeen:
    return gone(pods.of_application(struck.api, struck.cluster, str(struck.aim.scope["region"])), injection)


PRIMARY_KILLED = Act(
    does="Deletes the pod of the shard's primary without a time to end in order.",
    observed_by="The pod's UID is not in the list of the shard's pods any more.",
    undone_by="The database's own controller replaces the pod; proven by as many ready members as declared, one of them the primary.",
    unfit=primary_unfit,
    strike=_kill_primary,
    look=_primary_gone,
    lasting=False,
)
INSTANCE_KILLED = Act(
    does="Deletes one of the application's pods of the region without a time to end in order.",
    observed_by="The pod's UID is not in the list of the application's pods any more.",
    undone_by="The pod's own controller replaces it; proven by as many ready pods of the application as declared.",
    unfit=instance_unfit,
    strike=_kill_instance,
    look=_instance_gone,
    parameters=("instance",),
    lasting=False,
)
