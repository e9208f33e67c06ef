"""Whether a cluster may be touched at all: every reason to refuse, from the file and the cluster's answers. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from closeshave import cluster as clusters
from closeshave.environments.kubernetes.definition import Kubernetes
from closeshave.environments.kubernetes.look import ClusterSeen
from closeshave.plan import Plan


def unsound(definition: Kubernetes, seen: ClusterSeen) -> Iterator[str]:
    """Why this cluster must not be touched, one sentence each."""
    if seen.trouble:
        yield f"the cluster: {seen.trouble}"
        return
    if seen.uid != definition.cluster.uid:
        yield (
            f"the cluster's UID is {seen.uid or 'not told'}, the file says {definition.cluster.uid} (cluster.uid): "
            "this is not the cluster of the environment file"
        )
        return
    if seen.missing:
        yield f"the cluster has no namespace {', '.join(seen.missing)} (cluster.namespaces)"
    if seen.forbidden:
        yield f"this account may not {'; '.join(seen.forbidden)}: the chart's roles grant it (docs/kubernetes.md)"
    if seen.marked:
        yield (
            f"an earlier run left faults in the cluster on {', '.join(seen.marked)}; "
            f"the janitor there heals them, or 'closeshave env sweep {definition.name}'"
        )


def objections(definition: Kubernetes, plan: Plan) -> Iterator[str]:
    """What the file lacks for the plan's faults that no hook injects, one sentence each."""
    hooked = {(hook.kind, tuple(sorted((key, str(value)) for key, value in hook.scope.items()))) for hook in definition.hooks}
    for fault in plan.faults:
        if (fault.kind, tuple(sorted((key, str(value)) for key, value in fault.scope.items()))) in hooked:
            continue
        if lacks := clusters.lacking(definition.cluster, fault.kind, fault.scope, tuple(definition.regions)):
            yield f"fault {fault.id}: {lacks}"
