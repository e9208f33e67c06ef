"""Objects of Kubernetes in the form that all of the harness have: their labels, roles, pods and policies. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from closeshave.faults.kubernetes.pods import OWN
from closeshave.reference.installation.settings import FILES, NAME, NAMESPACE, Setting

USER = 65532
"""The user of the pods, which is nobody on any machine."""
RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
}


def about(name: str | Setting = NAME, part: str = "", namespace: Setting | None = NAMESPACE) -> dict[str, Any]:
    """The metadata of an object; ``part`` is the component that it belongs to, no namespace that of the whole cluster."""
    labels = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": NAME} | ({"app.kubernetes.io/component": part} if part else {})
    return {"name": name, **({} if namespace is None else {"namespace": namespace}), "labels": labels}


def rule(groups: str, resources: Iterable[str], verbs: Iterable[str], names: Iterable[str] = ()) -> dict[str, Any]:
    """A rule of a role: these verbs on these resources, or on those of these names alone."""
    held: dict[str, Any] = {"apiGroups": [groups], "resources": list(resources)}
    return held | ({"resourceNames": list(names)} if names else {}) | {"verbs": list(verbs)}


def binding(name: str | Setting, role: str | Setting, accounts: Iterable[str], namespace: Setting | None) -> dict[str, Any]:
    """Gives a role to accounts of the harness's own namespace."""
    kind = "ClusterRole" if namespace is None else "Role"
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": f"{kind}Binding",
        "metadata": about(name, namespace=namespace),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": each, "namespace": NAMESPACE} for each in accounts],
    }


def role(name: str | Setting, held: list[dict[str, Any]], namespace: Setting | None) -> dict[str, Any]:
    """A role with these rules: in one namespace, or on the cluster."""
    kind = "ClusterRole" if namespace is None else "Role"
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": about(name, namespace=namespace), "rules": held}


def account(name: str) -> dict[str, Any]:
    """An account of pods of the harness."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about(name)}


def pod(part: str, args: object, resources: Setting, **more: Any) -> dict[str, Any]:
    """A pod as the policy *restricted* wants it (kubernetes.io/docs/concepts/security/pod-security-standards)."""
    container = {
        "name": NAME,
        "image": Setting("image"),
        "imagePullPolicy": Setting("image.pullPolicy"),
        "args": args,
        "resources": resources,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        **more.pop("container", {}),
    }
    mounts = [{"name": "files", "mountPath": FILES, "readOnly": True}, {"name": "scratch", "mountPath": "/tmp"}, *more.pop("mounts", [])]  # noqa: S108 - in the pod
    volumes = [{"name": "files", "configMap": {"name": NAME}}, {"name": "scratch", "emptyDir": {}}, *more.pop("volumes", [])]
    return {
        "metadata": {"labels": {**about(part=part)["labels"], OWN: part}},
        "spec": {
            "serviceAccountName": f"{NAME}-{part}",
            "nodeSelector": Setting("nodeSelector"),
            "tolerations": Setting("tolerations"),
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{**container, "volumeMounts": mounts}],
            "volumes": volumes,
            **more,
        },
    }


def selected(part: str) -> dict[str, str]:
    """The labels by which the pods of a part are found."""
    return {"app.kubernetes.io/name": NAME, "app.kubernetes.io/component": part}


def headless(name: str, part: str, ports: list[dict[str, Any]]) -> dict[str, Any]:
    """A name for pods. A pod is found before it is ready: the trial waits for its workers, and they for the trial."""
    spec: dict[str, Any] = {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": selected(part)}
    return {"apiVersion": "v1", "kind": "Service", "metadata": about(name, part), "spec": spec | ({"ports": ports} if ports else {})}


def policy(name: str, part: str, **allowed: Any) -> dict[str, Any]:
    """Allows more than the policy of all pods of the harness."""
    spec = {"podSelector": {"matchLabels": selected(part)}, "policyTypes": [each.capitalize() for each in allowed], **allowed}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": about(name, part), "spec": spec}
