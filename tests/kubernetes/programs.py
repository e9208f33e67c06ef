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
ALL = (APISERVER, CONTROLLERS, SCHEDULER, KUBECTL)


def lacking() -> str:
    """Why there is no control plane here; empty if there is one. With CI set it is built now."""
    if all(each.binary.exists() for each in ALL):
        return ""
    if not os.environ.get("CI"):
        return "the control plane is not built; 'python -m tests.kubernetes.programs' does it once for this user (six minutes on an idle machine)"
    try:
        for each in ALL:
            built(each, print)
    except CannotBuild as error:
        return str(error)
    return ""


if __name__ == "__main__":
    for program in ALL:
        print(built(program, print, retry=True))  # noqa: T201 - its output
