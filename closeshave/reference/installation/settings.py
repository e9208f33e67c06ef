"""What a user of the chart may set, the defaults, which are the Kustomize base, and what is the same everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml.scalarstring import LiteralScalarString

from closeshave import __version__

NAME = "closeshave"
FILES = "/files"
ARTEFACTS = "/artefacts"
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


def value_of(path: str) -> Any:
    """The default of a setting. Raises :class:`KeyError`."""
    found: Any = VALUES
    for part in path.split("."):
        found = found[part]
    return found
