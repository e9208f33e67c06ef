"""The Helm chart and the Kustomize base, from one description: ``python -m closeshave.reference.manifests deploy``.

Each object is written once, here. For Helm its values are expressions, for Kustomize what they are by default: so the two cannot differ. The rights come
from :data:`closeshave.cluster.NEEDS`, the same table by which a run is refused that lacks one.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from closeshave import __version__
from closeshave.clients.cluster_lease import NAME as LEASE
from closeshave.cluster import NEEDS, READING, Grant
from closeshave.faults.kubernetes.pods import OWN
from closeshave.files import write_atomically
from closeshave.vocabulary import OPTION_PREFIX

MADE = "# Made by `python -m closeshave.reference.manifests deploy`: change closeshave/reference/manifests.py, not this file.\n"
NAME = "closeshave"
FILES = "/files"
ARTEFACTS = "/artefacts"
JOIN = "/join"
WORKERS_PORT = 7300
USER = 65532
"""The user of the pods, which is nobody on any machine."""
RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
}
PLATFORM = """\
# Describe your platform here: docs/kubernetes.md, and docs/reference/environments.md for every key.
kind: kubernetes
name: platform
stage: staging
regions: {here: "https://booking.example.com"}
fingerprint: {path: /health, expect: {status: healthy}}
caps: {requests_per_s: 50, requests: 100000, duration: 30m, regions_at_once: 1, shards_at_once: 1}
accounts: {register: 5}
cluster:
  uid: 00000000-0000-0000-0000-000000000000 # kubectl get namespace kube-system -o jsonpath={.metadata.uid}
  namespaces: [booking]
  application: {namespace: booking, labels: {app.kubernetes.io/name: api}, instances: 2}
"""
VALUES: Mapping[str, Any] = {
    "image": {"repository": NAME, "tag": __version__, "pullPolicy": "IfNotPresent"},
    "namespaces": ["booking"],
    "cordonNodes": False,
    "files": {"platform.yaml": LiteralScalarString(PLATFORM)},
    "trial": {
        "enabled": True,
        "arguments": ["run", "smoke", "--environment", f"{FILES}/platform.yaml", "--runs", ARTEFACTS],
        "deadlineSeconds": 7200,
        "secretName": NAME,
        "resources": {"requests": {"cpu": "2", "memory": "2Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}},
    },
    "janitor": {
        "enabled": True,
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}},
    },
    "workers": {
        "enabled": False,
        "replicas": 2,
        "waitSeconds": 600,
        "size": "20Gi",
        "resources": {"requests": {"cpu": "2", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "1Gi"}},
    },
    "artefacts": {"size": "10Gi", "accessModes": ["ReadWriteOnce"], "upload": ""},
    "networkPolicy": {
        "enabled": True,
        "egress": [
            {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]},
            {"ports": [{"port": 443, "protocol": "TCP"}, {"port": 6443, "protocol": "TCP"}]},
        ],
    },
    "nodeSelector": {},
    "tolerations": [],
}
"""What a user of the chart may set, and its defaults, which are the Kustomize base."""
ABOUT: Mapping[str, str] = {
    "image": "The image of the harness, pushed to your registry: `make image` builds it (docs/how-to/run-the-image.md).",
    "namespaces": "The platform's namespaces: roles are made there, and nowhere else. The same as cluster.namespaces of the environment file.",
    "cordonNodes": "Whether nodes may be cordoned (service.node-drained, region.lost). A right on all nodes of the cluster.",
    "files": "Files that the trial and the janitor read, below /files. platform.yaml describes the platform.",
    "trial": "The trial: one Job, never tried again by itself. A Secret, if there is one of that name, gives its variables.",
    "janitor": "The janitor: puts back what a dead trial left changed.",
    "workers": "Pods that send the customers' load instead of the trial's own: a StatefulSet. Each keeps its records in a scratch volume of this size "
    "until the trial has them. A core of a pod sends tens of thousands of requests a second (docs/scale.md); set traffic.processes of the plan to them.",
    "artefacts": "The volume for the reports; and, if upload is s3://BUCKET/PREFIX, where the finished run directory is copied. The Secret of the trial "
    "gives the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and, for another store than Amazon's, AWS_ENDPOINT_URL; let "
    "networkPolicy.egress reach it.",
    "networkPolicy": "What the harness's own pods may reach: names, HTTPS and the API server. Nobody reaches them.",
    "nodeSelector": "Where they run. Keep them off the nodes that faults cordon.",
    "tolerations": "The same.",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """A value that a user of the chart may set."""

    path: str
    """Below ``values.yaml``; ``release`` is the namespace of the installation."""
    suffix: str = ""
    prefix: str = ""
    text: bool = False
    """Whether it is a number that must be written as text."""


NAMESPACE = Setting("release")
TARGET = Setting("each")
"""The namespace of the platform for which an object is made."""
Rendering = Callable[[Setting], Any]


@dataclass(frozen=True, slots=True)
class DeployFile:
    """One file of both."""

    file: str
    objects: tuple[Mapping[str, Any], ...]
    when: str = ""
    """The setting that must be true; empty: always."""
    each: bool = False
    """Whether it is there once for each namespace of the platform."""


def _about(name: str = NAME, part: str = "", namespace: Setting | None = NAMESPACE) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": NAME} | ({"app.kubernetes.io/component": part} if part else {})
    return {"name": name, **({} if namespace is None else {"namespace": namespace}), "labels": labels}


def _rule(groups: str, resources: Iterable[str], verbs: Iterable[str], names: Iterable[str] = ()) -> dict[str, Any]:
    rule: dict[str, Any] = {"apiGroups": [groups], "resources": list(resources)}
    return rule | ({"resourceNames": list(names)} if names else {}) | {"verbs": list(verbs)}


def rules(grants: Iterable[Grant]) -> list[dict[str, Any]]:
    """Rules of RBAC for these rights, one for each resource. Pure."""
    together: dict[tuple[str, str], set[str]] = {}
    for grant in grants:
        together.setdefault((grant.group, grant.resource), set()).update(grant.verbs)
    return [_rule(group, [resource], sorted(verbs)) for (group, resource), verbs in sorted(together.items())]


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


def _binding(name: str, role: str, account: str, namespace: Setting | None) -> dict[str, Any]:
    kind = "ClusterRole" if namespace is None else "Role"
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": f"{kind}Binding",
        "metadata": _about(name, namespace=namespace),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}],
    }


def _role(name: str, held: list[dict[str, Any]], namespace: Setting | None) -> dict[str, Any]:
    kind = "ClusterRole" if namespace is None else "Role"
    about = _about(name, namespace=namespace)
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": about, "rules": held}


def _account(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _about(name)}


def _pod(part: str, args: object, resources: Setting, **more: Any) -> dict[str, Any]:
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
        "metadata": {"labels": {**_about(part=part)["labels"], OWN: part}},
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


def _trial() -> dict[str, Any]:
    environ = [
        {"name": "HOME", "value": "/tmp"},  # noqa: S108 - in the pod
        {"name": "XDG_STATE_HOME", "value": f"{ARTEFACTS}/state"},
        {"name": f"{OPTION_PREFIX}_RUN_UPLOAD", "value": Setting("artefacts.upload")},
    ]
    given = [
        {"configMapRef": {"name": f"{NAME}-workers", "optional": True}},
        {"secretRef": {"name": Setting("trial.secretName"), "optional": True}},
    ]
    pod = _pod(
        "trial",
        Setting("trial.arguments"),
        Setting("trial.resources"),
        container={"env": environ, "envFrom": given},
        mounts=[{"name": "artefacts", "mountPath": ARTEFACTS}],
        volumes=[{"name": "artefacts", "persistentVolumeClaim": {"claimName": f"{NAME}-artefacts"}}],
        restartPolicy="Never",
        # Ended by Kubernetes it still heals what it broke.
        terminationGracePeriodSeconds=300,
    )
    about = _about(f"{NAME}-trial", "trial")
    # Never tried again unseen: a second trial on a platform that the first one broke would prove nothing.
    spec = {"backoffLimit": 0, "activeDeadlineSeconds": Setting("trial.deadlineSeconds"), "template": pod}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": about, "spec": spec}


def _janitor() -> dict[str, Any]:
    alive = "import os, sys, time; sys.exit(time.time() - os.path.getmtime('/tmp/alive') > 60)"
    pod = _pod(
        "janitor",
        ["env", "janitor", f"{FILES}/platform.yaml", "--alive", "/tmp/alive"],  # noqa: S108 - in the pod
        Setting("janitor.resources"),
        container={
            "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108 - in the pod
            "livenessProbe": {
                "exec": {"command": ["python3", "-c", alive]},
                "initialDelaySeconds": 60,
                "periodSeconds": 30,
                "timeoutSeconds": 10,
            },
        },
    )
    spec = {"replicas": 1, "strategy": {"type": "Recreate"}, "selector": {"matchLabels": _selected("janitor")}, "template": pod}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _about(f"{NAME}-janitor", "janitor"), "spec": spec}


def _selected(part: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": NAME, "app.kubernetes.io/component": part}


def _workers() -> tuple[Mapping[str, Any], ...]:
    """Pods that send the load; the trial listens for them, and tells them by a Secret how to join. It may change that one Secret, and no other."""
    pods, run, join = f"{NAME}-workers", f"{NAME}-run", f"{NAME}-join"
    secret = Setting("release", suffix=f"/{join}")
    options = {
        "EXPECT_WORKERS": Setting("workers.replicas", text=True),
        "WORKERS_ADDRESS": "0.0.0.0",  # noqa: S104 - of the pod; the network policy lets only the workers in, and they need certificates of the run
        "WORKERS_PORT": str(WORKERS_PORT),
        "WORKERS_WAIT": Setting("workers.waitSeconds", text=True),
        "JOIN_SECRET": secret,
    }
    environ = {f"{OPTION_PREFIX}_RUN_{name}": value for name, value in options.items()}
    pod = _pod(
        "worker",
        [
            "worker",
            "--stay",
            "--master",
            f"{run}:{WORKERS_PORT}",
            "--join",
            f"{JOIN}/join.json",
            "--plan-directory",
            FILES,
            "--directory",
            "/load",
        ],
        Setting("workers.resources"),
        container={"env": [{"name": "HOME", "value": "/tmp"}]},  # noqa: S108 - in the pod
        mounts=[{"name": "join", "mountPath": JOIN, "readOnly": True}, {"name": "load", "mountPath": "/load"}],
        volumes=[
            # Readable for the group, which is the pod's: Kubernetes gives the files to root.
            {"name": "join", "secret": {"secretName": join, "optional": True, "defaultMode": 0o440}},
            {"name": "load", "emptyDir": {"sizeLimit": Setting("workers.size")}},
        ],
        # It speaks to the trial and to the platform, never to the API server.
        automountServiceAccountToken=False,
        # Ended by Kubernetes it still hands its records over.
        terminationGracePeriodSeconds=60,
        topologySpreadConstraints=[
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": _selected("worker")},
            }
        ],
    )
    port = {"port": WORKERS_PORT, "protocol": "TCP"}
    return (
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _about(pods, "worker"), "data": environ},
        {"apiVersion": "v1", "kind": "Secret", "metadata": _about(join, "worker"), "type": "Opaque"},
        _account(f"{NAME}-worker"),
        _role(f"{NAME}-join", [_rule("", ["secrets"], ["patch"], [join])], NAMESPACE),
        _binding(f"{NAME}-join", f"{NAME}-join", f"{NAME}-trial", NAMESPACE),
        _headless(run, "trial", [{"name": "workers", **port}]),
        _headless(pods, "worker", []),
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": _about(pods, "worker"),
            "spec": {
                "replicas": Setting("workers.replicas"),
                "serviceName": pods,
                "podManagementPolicy": "Parallel",
                "selector": {"matchLabels": _selected("worker")},
                "template": pod,
            },
        },
        _policy(f"{NAME}-run", "trial", ingress=[{"from": [{"podSelector": {"matchLabels": _selected("worker")}}], "ports": [port]}]),
        _policy(f"{NAME}-workers", "worker", egress=[{"to": [{"podSelector": {"matchLabels": _selected("trial")}}], "ports": [port]}]),
    )


def _headless(name: str, part: str, ports: list[dict[str, Any]]) -> dict[str, Any]:
    """A name for pods. A pod is found before it is ready: the trial waits for its workers, and they for the trial."""
    spec: dict[str, Any] = {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": _selected(part)}
    return {"apiVersion": "v1", "kind": "Service", "metadata": _about(name, part), "spec": spec | ({"ports": ports} if ports else {})}


def _policy(name: str, part: str, **allowed: Any) -> dict[str, Any]:
    """Allows more than the policy of all pods of the harness."""
    spec = {"podSelector": {"matchLabels": _selected(part)}, "policyTypes": [each.capitalize() for each in allowed], **allowed}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": _about(name, part), "spec": spec}


def manifests() -> tuple[DeployFile, ...]:
    """Every file, in the order in which they are applied."""
    leases = [_rule("coordination.k8s.io", ["leases"], ["create"]), _rule("coordination.k8s.io", ["leases"], ["get", "patch"], [LEASE])]
    lease_read = _rule("coordination.k8s.io", ["leases"], ["get"], [LEASE])
    system = _rule("", ["namespaces"], ["get"], ["kube-system"])
    reading = [system, *rules([grant for grant in trial_grants(everywhere=True) if "patch" not in grant.verbs])]
    cordoning = rules([grant for grant in trial_grants(everywhere=True) if "patch" in grant.verbs])
    trial, janitor = f"{NAME}-trial", f"{NAME}-janitor"
    named = Setting("release", prefix=f"{NAME}-")
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": _about(f"{NAME}-artefacts"),
        "spec": {"accessModes": Setting("artefacts.accessModes"), "resources": {"requests": {"storage": Setting("artefacts.size")}}},
    }
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _about(),
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": NAME}},
            "policyTypes": ["Ingress", "Egress"],
            "egress": Setting("networkPolicy.egress"),
        },
    }
    files = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _about(), "data": Setting("files")}
    return (
        DeployFile("accounts", (_account(trial), _account(janitor))),
        DeployFile(
            "roles",
            (
                _role(trial, [*rules(trial_grants(everywhere=False)), *leases], TARGET),
                _binding(trial, trial, trial, TARGET),
                _role(janitor, [*rules(HEALING), lease_read], TARGET),
                _binding(janitor, janitor, janitor, TARGET),
            ),
            each=True,
        ),
        DeployFile(
            "cluster-roles",
            (
                _role(named, reading, None),  # type: ignore[arg-type] # a setting in the place of a name
                {
                    **_binding(named, named, trial, None),  # type: ignore[arg-type] # the same
                    "subjects": [{"kind": "ServiceAccount", "name": each, "namespace": NAMESPACE} for each in (trial, janitor)],
                },
            ),
        ),
        DeployFile(
            "cordoning",
            (
                _role(cordons := Setting("release", prefix=f"{NAME}-", suffix="-cordon"), cordoning, None),  # type: ignore[arg-type] # the same
                {
                    **_binding(cordons, cordons, trial, None),  # type: ignore[arg-type] # the same
                    "subjects": [{"kind": "ServiceAccount", "name": each, "namespace": NAMESPACE} for each in (trial, janitor)],
                },
            ),
            when="cordonNodes",
        ),
        DeployFile("files", (files,)),
        DeployFile("artefacts", (claim,)),
        DeployFile("network-policy", (policy,), when="networkPolicy.enabled"),
        DeployFile("janitor", (_janitor(),), when="janitor.enabled"),
        DeployFile("workers", _workers(), when="workers.enabled"),
        DeployFile("trial", (_trial(),), when="trial.enabled"),
    )


def value_of(path: str) -> Any:
    """The default of a setting. Raises :class:`KeyError`."""
    found: Any = VALUES
    for part in path.split("."):
        found = found[part]
    return found


def rendered(told: Any, render: Rendering) -> Any:
    """An object with every setting replaced. Pure."""
    if isinstance(told, Setting):
        return render(told)
    if isinstance(told, Mapping):
        return {key: rendered(value, render) for key, value in told.items()}
    return [rendered(each, render) for each in told] if isinstance(told, list | tuple) else told


def by_default(target: str) -> Rendering:
    """Settings as they are by default, for a namespace of the platform."""

    def render(setting: Setting) -> Any:
        if setting.path == "image":
            return f"{value_of('image.repository')}:{value_of('image.tag')}"
        found = {"release": NAME, "each": target}.get(setting.path)
        told = f"{setting.prefix}{found}{setting.suffix}" if found else value_of(setting.path)
        return str(told) if setting.text else told

    return render


def _helm(setting: Setting) -> str:
    """A mark that no YAML changes; :func:`_expressions` puts the expression in its place."""
    return f"@@{setting.prefix}|{setting.path}{' toString' * setting.text}|{setting.suffix}@@"


def _expressions(text: str) -> str:
    def expression(match: re.Match[str]) -> str:
        prefix, path, suffix = match[1], match[2], match[3]
        if path == "image":
            return '"{{ .Values.image.repository }}:{{ .Values.image.tag }}"'
        if path in {"release", "each"}:
            return f"{prefix}{{{{ {'$.Release.Namespace' if path == 'release' else '.'} }}}}{suffix}"
        path, _, text = path.partition(" ")
        # JSON is YAML, on one line: nothing has to be indented.
        return f"{{{{ $.Values.{path}{' | toString' if text else ''} | toJson }}}}"

    return re.sub(r"'?@@([^|@]*)\|([^|@]*)\|([^|@]*)@@'?", expression, text)


def written(objects: Iterable[Any]) -> str:
    """Objects as one YAML text."""
    yaml, held = YAML(), io.StringIO()
    yaml.default_flow_style = False
    yaml.width = 1 << 16
    for index, each in enumerate(objects):
        if index:
            held.write("---\n")
        yaml.dump(each, held)
    return held.getvalue()


def template(manifest: DeployFile) -> str:
    """The chart's template. Pure."""
    text = _expressions(written(rendered(each, _helm) for each in manifest.objects))
    if manifest.each:
        text = f"{{{{- range .Values.namespaces }}}}\n---\n{text}{{{{- end }}}}\n"
    return MADE + (f"{{{{- if .Values.{manifest.when} }}}}\n{text}{{{{- end }}}}\n" if manifest.when else text)


def resource(manifest: DeployFile) -> str:
    """The resource of the Kustomize base. Pure."""
    targets = VALUES["namespaces"] if manifest.each else [""]
    return MADE + written(rendered(each, by_default(target)) for target in targets for each in manifest.objects)


def _values() -> str:
    parts = [MADE]
    for key, held in VALUES.items():
        parts.append(f"\n# {ABOUT[key]}\n{written([{key: held}])}")
    return "".join(parts)


def _present(manifest: DeployFile) -> bool:
    return not manifest.when or bool(value_of(manifest.when))


Where = Literal["helm", "kustomize"]


def files() -> Iterator[tuple[str, str]]:
    """Every file below the directory of both, and its text. Pure."""
    chart = {
        "apiVersion": "v2",
        "name": NAME,
        "description": "Load and resilience testing: the trial as a Job, its load machines, and the janitor that heals if the trial dies.",
        "type": "application",
        "version": __version__,
        "appVersion": __version__,
        "kubeVersion": ">=1.33.0-0",
    }
    yield "helm/Chart.yaml", MADE + written([chart])
    yield "helm/values.yaml", _values()
    for manifest in manifests():
        yield f"helm/templates/{manifest.file}.yaml", template(manifest)
    base = [manifest for manifest in manifests() if _present(manifest)]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME, "labels": RESTRICTED}}
    yield "kustomize/base/namespace.yaml", MADE + written([namespace])
    for manifest in base:
        yield f"kustomize/base/{manifest.file}.yaml", resource(manifest)
    listed = ["namespace.yaml", *(f"{manifest.file}.yaml" for manifest in base)]
    yield "kustomize/base/kustomization.yaml", MADE + written([_kustomization("Kustomization", resources=listed)])
    for manifest in manifests():
        if not _present(manifest):
            yield f"kustomize/components/{manifest.file}/{manifest.file}.yaml", resource(manifest)
            component = _kustomization("Component", resources=[f"{manifest.file}.yaml"])
            yield f"kustomize/components/{manifest.file}/kustomization.yaml", MADE + written([component])


def _kustomization(kind: str, **held: Any) -> dict[str, Any]:
    version = "kustomize.config.k8s.io/v1beta1" if kind == "Kustomization" else "kustomize.config.k8s.io/v1alpha1"
    return {"apiVersion": version, "kind": kind, **held}


def main() -> None:
    """Write them into the directory that the command line names."""
    for name, text in files():
        path = Path(sys.argv[1], name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)


if __name__ == "__main__":
    main()
