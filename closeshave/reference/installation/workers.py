"""The pods that send the load, how the trial tells them where it is, and who may speak to whom. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from closeshave.reference.installation.objects import about, account, binding, headless, pod, policy, role, rule, selected
from closeshave.reference.installation.settings import FILES, NAME, NAMESPACE, Setting
from closeshave.vocabulary import OPTION_PREFIX

JOIN = "/join"
WORKERS_PORT = 7300


def workers() -> tuple[Mapping[str, Any], ...]:
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
    template = pod(
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
                "labelSelector": {"matchLabels": selected("worker")},
            }
        ],
    )
    port = {"port": WORKERS_PORT, "protocol": "TCP"}
    return (
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about(pods, "worker"), "data": environ},
        {"apiVersion": "v1", "kind": "Secret", "metadata": about(join, "worker"), "type": "Opaque"},
        account(f"{NAME}-worker"),
        role(f"{NAME}-join", [rule("", ["secrets"], ["patch"], [join])], NAMESPACE),
        binding(f"{NAME}-join", f"{NAME}-join", [f"{NAME}-trial"], NAMESPACE),
        headless(run, "trial", [{"name": "workers", **port}]),
        headless(pods, "worker", []),
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": about(pods, "worker"),
            "spec": {
                "replicas": Setting("workers.replicas"),
                "serviceName": pods,
                "podManagementPolicy": "Parallel",
                "selector": {"matchLabels": selected("worker")},
                "template": template,
            },
        },
        policy(f"{NAME}-run", "trial", ingress=[{"from": [{"podSelector": {"matchLabels": selected("worker")}}], "ports": [port]}]),
        policy(f"{NAME}-workers", "worker", egress=[{"to": [{"podSelector": {"matchLabels": selected("trial")}}], "ports": [port]}]),
    )
