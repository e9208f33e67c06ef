"""A container of the application gets less processor time or memory: its limits are lowered in place, without a restart (``pods/resize``).

kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources; beta and on since 1.33.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from closeshave.clients.kubernetes import objects, part
from closeshave.faults.kind import NotSeen, Proof
from closeshave.faults.kubernetes import marks, pods
from closeshave.faults.kubernetes.act import Act, Struck
from closeshave.faults.kubernetes.killing import instance, instance_unfit
from closeshave.faults.kubernetes.pods import Pod
from closeshave.history import Injection, Sighting

Resource = Literal["cpu", "memory"]
_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)(|m|k|M|G|T|Ki|Mi|Gi|Ti)")
_FACTORS: Mapping[str, Decimal] = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGT", start=1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGT", start=1)},
}
SMALLEST: Mapping[Resource, Decimal] = {"cpu": Decimal("0.01"), "memory": Decimal(16 * 1024**2)}
"""Less than this a container runtime refuses, or nothing runs in it: cores and bytes."""


class Unfitting(RuntimeError):
    """What was fit a moment ago is not any more."""


def quantity(told: object) -> Decimal | None:
    """A quantity of the API as a number (cores or bytes); ``None`` for what is none. Pure."""
    match = _QUANTITY.fullmatch(str(told))
    return None if match is None else Decimal(match[1]) * _FACTORS[match[2]]


def written(resource: Resource, value: Decimal) -> str:
    """The quantity as the API takes it: thousandths of a core, or bytes. Pure."""
    return f"{int(value * 1000)}m" if resource == "cpu" else str(int(value))


def container_of(pod: Pod, name: str) -> Mapping[str, Any] | None:
    """The container that is squeezed: of this name, or the first; ``None`` if there is none. Pure."""
    return next((each for each in objects(pod.spec.get("containers")) if not name or each.get("name") == name), None)


def changes(container: Mapping[str, Any], resource: Resource, share: float) -> tuple[dict[str, Any], dict[str, Any]] | str:
    """What stood there and what is asked for, for a container's ``resources``; or why it cannot be squeezed. Pure.

    A pod's class of service must stay as it is (the API refuses it otherwise): where request and limit are equal they stay equal.
    """
    limits, requested = part(container, "resources", "limits"), part(container, "resources", "requests")
    limit, request = quantity(limits.get(resource)), quantity(requested.get(resource))
    if limit is None or request is None:
        return f"container {container.get('name')} has no limit of {resource}, so that it cannot be lowered"
    lowered = max(limit * Decimal(str(share)), SMALLEST[resource])
    if lowered >= limit:
        return f"the limit of {resource} of container {container.get('name')} is {limits[resource]} and cannot be lowered further"
    before = {"limits": {resource: limits[resource]}, "requests": {resource: requested[resource]}}
    return before, {"limits": {resource: written(resource, lowered)}, "requests": {resource: written(resource, min(lowered, request))}}


def _wanted(struck: Struck, resource: Resource, pod: Pod) -> tuple[str, dict[str, Any], dict[str, Any]] | str:
    app = struck.cluster.application
    held = container_of(pod, app.container if app else "")
    if held is None:
        return f"{pod.name} has no container {app.container if app else ''}"
    found = changes(held, resource, float(struck.aim.parameters["share"]))
    return found if isinstance(found, str) else (str(held.get("name")), *found)


def _unfit(struck: Struck, resource: Resource) -> str:
    if troubles := instance_unfit(struck):
        return troubles
    found = _wanted(struck, resource, instance(struck)[0])
    return found if isinstance(found, str) else ""


def _squeeze(struck: Struck, resource: Resource) -> tuple[str, ...]:
    """The mark with the way back first: a resize takes no annotations."""
    (pod,) = instance(struck)
    found = _wanted(struck, resource, pod)
    if isinstance(found, str):
        raise Unfitting(found)
    name, before, after = found
    held = [{"name": name, "resources": before}]
    struck.api.patch(pod.at, {"metadata": {**marks.metadata(pods.in_use(struck.aim), struck.mark, held), "uid": pod.uid}})
    struck.api.patch(f"{pod.at}/resize", {"spec": {"containers": [{"name": name, "resources": after}]}}, "strategic")
    return (f"pod {pod.name} {resource} {before['limits'][resource]} to {after['limits'][resource]}",)


def given(pod: Pod, name: str, resource: Resource) -> Decimal | None:
    """The limit that the kubelet says it has set; ``None`` if it does not say. Pure."""
    for each in objects(pod.status.get("containerStatuses")):
        if each.get("name") == name:
            return quantity(part(each, "resources", "limits").get(resource))
    return None


def _squeezed(struck: Struck, resource: Resource) -> Sighting | NotSeen:
    """What the kubelet reports of the running container, not what was asked for."""
    for pod in pods.of_application(struck.api, struck.cluster, str(struck.aim.scope["region"])):
        if pod.mark != struck.mark or (app := struck.cluster.application) is None or (held := container_of(pod, app.container)) is None:
            continue
        name = str(held.get("name"))
        wanted, has = quantity(part(held, "resources", "limits").get(resource)), given(pod, name, resource)
        if has is not None and wanted is not None and has <= wanted:
            return Sighting(f"the kubelet's report of {pod.name}", f"the limit of {resource} of {name} is {written(resource, has)}")
        return NotSeen(
            f"the kubelet reports a limit of {resource} of {'nothing' if has is None else written(resource, has)} for {pod.name}"
        )
    return NotSeen("no pod of the application has the mark of the fault")


def _as_specified(struck: Struck, resource: Resource) -> tuple[Proof, ...]:
    """Each container of the application has the limit that its pod asks for, by the kubelet's report."""
    differing = []
    for pod in pods.of_application(struck.api, struck.cluster, str(struck.aim.scope["region"])):
        app = struck.cluster.application
        if (held := container_of(pod, app.container if app else "")) is None:
            continue
        wanted = quantity(part(held, "resources", "limits").get(resource))
        if wanted is not None and given(pod, str(held.get("name")), resource) != wanted:
            differing.append(pod.name)
    return (
        Proof(
            f"every pod has the {resource} that it asks for", not differing, ", ".join(differing) or "all of them, by the kubelets' reports"
        ),
    )


def _act(resource: Resource, called: str) -> Act:
    def look(struck: Struck, _injection: Injection) -> Sighting | NotSeen:
        return _squeezed(struck, resource)

    return Act(
        does=f"Lowers the limit of {called} of one of the application's pods of the region, in place, to a share of what it was.",
        observed_by="The kubelet reports the lower limit of the running container.",
        undone_by="Gives the pod its resources back; proven by the kubelet's report, the absence of the mark, and ready pods as declared.",
        unfit=lambda struck: _unfit(struck, resource),
        strike=lambda struck: _squeeze(struck, resource),
        look=look,
        parameters=("instance", "share"),
        proofs=lambda struck: _as_specified(struck, resource),
        observed_within_s=90.0,
    )


CPU_SQUEEZED = _act("cpu", "processor time")
MEMORY_SQUEEZED = _act("memory", "memory")
