"""What the kind ``kubernetes`` does for a trial: all that a remote platform does, a lease of the cluster, and its description for the faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from closeshave.clients.cluster_lease import LeaseHeld
from closeshave.clients.kubernetes import ClusterApi, NoCluster, Object, objects, part, path
from closeshave.cluster import NEEDS, Cluster, ClusterInUse, selector
from closeshave.deployment import FILE, Deployment, load
from closeshave.environments import registry
from closeshave.environments.driver import Permission, Say
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.kubernetes import guard
from closeshave.environments.kubernetes.definition import Kubernetes
from closeshave.environments.kubernetes.holding import Hold, named
from closeshave.environments.kubernetes.look import look, reached
from closeshave.environments.remote import remote
from closeshave.environments.remote import status as statuses
from closeshave.environments.remote.doctor import Remark
from closeshave.environments.status import PartStatus
from closeshave.plan import Plan

_HELD: dict[str, Hold] = {}
"""The leases of this process, by environment."""


def admit(definition: Kubernetes, plan: Plan, permission: Permission) -> tuple[str, ...]:
    """Examine the cluster and the platform, decide whether they may be loaded and broken, and if so take the platform's lock and the cluster's lease."""
    refused = (
        *guard.objections(definition, plan),
        *guard.unsound(definition, look(definition.cluster, {fault.kind for fault in plan.faults})),
    )
    if not refused:
        refused = remote.admit(definition, plan, permission)
    if refused:
        return refused
    hold = Hold(definition.cluster, named())
    try:
        hold.take()
    except LeaseHeld as error:
        remote.release(definition.name)
        return (f"{definition.name}: another run works in the cluster: {error}",)
    except NoCluster as error:
        remote.release(definition.name)
        return (f"{definition.name}: the lease of the cluster cannot be taken: {error}",)
    _HELD[definition.name] = hold
    return ()


def up(definition: Kubernetes, root: Path, say: Say) -> Deployment:
    """Describe the platform as a remote one, with its cluster. Raises :class:`EnvironmentFailed`."""
    if (hold := _HELD.get(definition.name)) is None:
        raise EnvironmentFailed(f"{definition.name}: nobody holds the lease of its cluster")
    described = remote.up(definition.platform, root, say)
    registry.write_claim(root, replace(registry.read_claim(root), kind=definition.kind))
    deployment = replace(described, kind=definition.kind, cluster=ClusterInUse(definition.cluster, hold.holder))
    deployment.save(accounts=False)
    return deployment


def down(root: Path, logs_to: Path | None) -> tuple[str, ...]:
    """As for a remote platform; and let the lease go."""
    if (root / FILE).exists() and (hold := _HELD.pop(load(root).name, None)) is not None:
        hold.release()
    return remote.down(root, logs_to)


def clean_up(deployment: Deployment, run: Path, say: Say) -> tuple[str, ...]:
    """As for a remote platform; and let the lease go."""
    if (hold := _HELD.pop(deployment.name, None)) is not None:
        hold.release()
    return remote.clean_up(deployment, run, say)


def objections(definition: Kubernetes, plan: Plan) -> tuple[str, ...]:
    """Why the plan must not run on this platform, without asking it."""
    return (*guard.objections(definition, plan), *remote.objections(definition, plan))


def status(root: Path) -> tuple[PartStatus, ...]:
    """Every region's readiness, and the pods of every part. Raises :class:`FileNotFoundError` where no run uses the platform."""
    deployment = load(root)
    told = statuses.status(root)
    return (*told, *(parts(deployment.cluster.cluster) if deployment.cluster is not None else ()))


def parts(cluster: Cluster) -> tuple[PartStatus, ...]:
    """The pods of every part that the file describes, and their roles, as the cluster tells them now."""
    try:
        with reached(cluster) as api:
            return tuple(_parts(api, cluster))
    except NoCluster as error:
        return (PartStatus("cluster", "cluster", None, running=False, detail=str(error)),)


def _parts(api: ClusterApi, cluster: Cluster) -> Iterator[PartStatus]:
    for shard, at in cluster.by_id.items():
        leads = {_name(each) for each in api.listed(path("v1/pods", at.namespace), cluster.primaries(shard))}
        members = api.listed(path("v1/pods", at.namespace), cluster.members(shard))
        for each in members:
            role = "primary" if _name(each) in leads else "replica"
            yield PartStatus(_name(each), f"shard {shard}", None, _ready(each), role if _ready(each) else f"{role}, not ready")
        if len(members) < at.instances or len(leads) != 1:
            said = f"{len(members)} of {at.instances} pods, {len(leads)} labelled as primary"
            yield PartStatus(f"shard {shard}", f"shard {shard}", None, running=False, detail=said)
    if (app := cluster.application) is not None:
        found = api.listed(path("v1/pods", app.namespace), selector(app.labels))
        for each in found:
            yield PartStatus(_name(each), "application", None, _ready(each), "ready" if _ready(each) else "not ready")
        if not found:
            yield PartStatus("application", "application", None, running=False, detail="no pod has its labels")


def findings(definition: Kubernetes) -> tuple[Remark, ...]:
    """What the doctor says of the cluster: whether it is the file's, what this account may not do, and which parts it does not find."""
    wrong = tuple(Remark("cluster", "missing", said) for said in guard.unsound(definition, look(definition.cluster, NEEDS)))
    if wrong:
        return wrong
    told = (Remark("cluster", "ok", f"is {definition.cluster.uid}; the rights for every kind of fault are given"),)
    found = parts(definition.cluster)
    return (*told, *(Remark(f"{part.role}: {part.name}", "ok" if part.running else "missing", part.detail) for part in found))


def _name(told: Object) -> str:
    return str(part(told, "metadata").get("name", ""))


def _ready(told: Object) -> bool:
    conditions = objects(part(told, "status").get("conditions"))
    ready = any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)
    return ready and not part(told, "metadata").get("deletionTimestamp")


KUBERNETES = replace(
    remote.REMOTE,
    kind="kubernetes",
    admit=admit,
    objections=objections,
    up=lambda definition, root, say, _etcd_killed: up(definition, root, say),
    down=down,
    status=status,
    clean_up=clean_up,
)
