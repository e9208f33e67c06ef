"""What the accounts of the trial and of the janitor may do, from the table by which a run is refused that lacks a right. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from closeshave.clients.cluster_lease import NAME as LEASE
from closeshave.cluster import NEEDS, READING, Grant
from closeshave.reference.installation.objects import binding, role, rule
from closeshave.reference.installation.settings import NAME, TARGET, Setting

TRIAL, JANITOR = f"{NAME}-trial", f"{NAME}-janitor"


def rules(grants: Iterable[Grant]) -> list[dict[str, Any]]:
    """Rules of RBAC for these rights, one for each resource. Pure."""
    together: dict[tuple[str, str], set[str]] = {}
    for grant in grants:
        together.setdefault((grant.group, grant.resource), set()).update(grant.verbs)
    return [rule(group, [resource], sorted(verbs)) for (group, resource), verbs in sorted(together.items())]


def trial_grants(*, everywhere: bool) -> tuple[Grant, ...]:
    """What the trial may do in the platform's namespaces, or (``everywhere``) on what has no namespace."""
    wanted = (*READING, *(grant for need in NEEDS.values() for grant in need.grants))
    return tuple(grant for grant in dict.fromkeys(wanted) if grant.everywhere == everywhere)


HEALING = (
    Grant("", "pods", ("get", "list", "patch")),
    Grant("", "pods/resize", ("patch",)),
    Grant("networking.k8s.io", "networkpolicies", ("get", "list", "delete")),
)
"""What the janitor may do in the platform's namespaces: put back, and nothing that breaks."""


def in_the_namespaces() -> tuple[dict[str, Any], ...]:
    """The roles in a namespace of the platform, and who has them."""
    lease = "coordination.k8s.io"
    leases = [rule(lease, ["leases"], ["create"]), rule(lease, ["leases"], ["get", "patch"], [LEASE])]
    return (
        role(TRIAL, [*rules(trial_grants(everywhere=False)), *leases], TARGET),
        binding(TRIAL, TRIAL, [TRIAL], TARGET),
        role(JANITOR, [*rules(HEALING), rule(lease, ["leases"], ["get"], [LEASE])], TARGET),
        binding(JANITOR, JANITOR, [JANITOR], TARGET),
    )


def on_the_cluster() -> tuple[dict[str, Any], ...]:
    """What both accounts may read that has no namespace."""
    reading = rules(grant for grant in trial_grants(everywhere=True) if "patch" not in grant.verbs)
    name = Setting("release", prefix=f"{NAME}-")
    return _for_both(name, [rule("", ["namespaces"], ["get"], ["kube-system"]), *reading])


def of_cordoning() -> tuple[dict[str, Any], ...]:
    """That both accounts may cordon nodes."""
    cordoning = rules(grant for grant in trial_grants(everywhere=True) if "patch" in grant.verbs)
    return _for_both(Setting("release", prefix=f"{NAME}-", suffix="-cordon"), cordoning)


def _for_both(name: Setting, held: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    return role(name, held, None), binding(name, name, [TRIAL, JANITOR], None)
