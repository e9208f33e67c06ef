"""The Helm chart and the Kustomize base, from one description: ``python -m closeshave.reference.manifests deploy``.

Here is which files there are. Each object is written once, in :mod:`closeshave.reference.installation`. For Helm its values are expressions, for Kustomize
what they are by default: so the two cannot differ. The rights come from :data:`closeshave.cluster.NEEDS`, the same table by which a run is refused that
lacks one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from closeshave import __version__
from closeshave.files import write_atomically
from closeshave.reference.installation import rights
from closeshave.reference.installation.objects import RESTRICTED, about, account
from closeshave.reference.installation.settings import NAME, Setting, value_of
from closeshave.reference.installation.trial import janitor, trial
from closeshave.reference.installation.workers import workers
from closeshave.reference.installation.writing import MADE, DeployFile, resource, template, values, written


def manifests() -> tuple[DeployFile, ...]:
    """Every file, in the order in which they are applied."""
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": about(f"{NAME}-artefacts"),
        "spec": {"accessModes": Setting("artefacts.accessModes"), "resources": {"requests": {"storage": Setting("artefacts.size")}}},
    }
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": about(),
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": NAME}},
            "policyTypes": ["Ingress", "Egress"],
            "egress": Setting("networkPolicy.egress"),
        },
    }
    read = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about(), "data": Setting("files")}
    return (
        DeployFile("accounts", (account(rights.TRIAL), account(rights.JANITOR))),
        DeployFile("roles", rights.in_the_namespaces(), each=True),
        DeployFile("cluster-roles", rights.on_the_cluster()),
        DeployFile("cordoning", rights.of_cordoning(), when="cordonNodes"),
        DeployFile("files", (read,)),
        DeployFile("artefacts", (claim,)),
        DeployFile("network-policy", (policy,), when="networkPolicy.enabled"),
        DeployFile("janitor", (janitor(),), when="janitor.enabled"),
        DeployFile("workers", workers(), when="workers.enabled"),
        DeployFile("trial", (trial(),), when="trial.enabled"),
    )


def _present(manifest: DeployFile) -> bool:
    return not manifest.when or bool(value_of(manifest.when))


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
    yield "helm/values.yaml", values()
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
