"""A Kubernetes control plane, built once for this user by Go from published sources: ``python -m tests.kubernetes.programs``."""

from __future__ import annotations

import os
from pathlib import Path

from closeshave.environments.gobuild import CannotBuild, GoServer, built

VERSION = "1.34.4"
SAYS = f"-X k8s.io/component-base/version.gitVersion=v{VERSION} -X k8s.io/client-go/pkg/version.gitVersion=v{VERSION}"
MODULE = "k8s.io/kubernetes"


def _server(name: str) -> GoServer:
    return GoServer(
        name, VERSION, MODULE, f"{MODULE}/cmd/{name}", f"-s -w {SAYS}", modules=Path(__file__).with_name("gomodules"), beside="kubernetes"
    )


APISERVER = _server("kube-apiserver")
CONTROLLERS = _server("kube-controller-manager")
SCHEDULER = _server("kube-scheduler")
KUBECTL = _server("kubectl")
HELM = GoServer(
    "helm",
    "4.3.1",
    "helm.sh/helm/v4",
    "helm.sh/helm/v4/cmd/helm",
    "-s -w -X helm.sh/helm/v4/internal/version.version=v4.3.1",
    modules=APISERVER.modules,
)
"""Checks the chart. Needs no cluster."""
STORE = GoServer(
    "versitygw", "1.8.0", "github.com/versity/versitygw", "github.com/versity/versitygw/cmd/versitygw", "-s -w -X main.Version=v1.8.0",
    modules=APISERVER.modules,
)  # fmt: skip
"""An S3-compatible store over a directory."""
ALL = (APISERVER, CONTROLLERS, SCHEDULER, KUBECTL)


def lacking(*wanted: GoServer) -> str:
    """Why there is no control plane here, or not these programs; empty if they are there. With CI set they are built now."""
    wanted = wanted or ALL
    if all(each.binary.exists() for each in wanted):
        return ""
    names = "the control plane" if wanted == ALL else " and ".join(each.name for each in wanted)
    if not os.environ.get("CI"):
        return f"{names} is not built; 'python -m tests.kubernetes.programs' does it once for this user (ten minutes on an idle machine)"
    try:
        for each in wanted:
            built(each, print)
    except CannotBuild as error:
        return str(error)
    return ""


if __name__ == "__main__":
    for program in (*ALL, HELM, STORE):
        print(built(program, print, retry=True))  # noqa: T201 - its output
