"""The Job of a trial, and the Deployment of the janitor that heals if it dies. Pure."""

from __future__ import annotations

from typing import Any

from closeshave.reference.installation.objects import about, pod, selected
from closeshave.reference.installation.settings import ARTEFACTS, FILES, NAME, Setting
from closeshave.vocabulary import OPTION_PREFIX


def trial() -> dict[str, Any]:
    """Never tried again by itself."""
    environ = [
        {"name": "HOME", "value": "/tmp"},  # noqa: S108 - in the pod
        {"name": "XDG_STATE_HOME", "value": f"{ARTEFACTS}/state"},
        {"name": f"{OPTION_PREFIX}_RUN_UPLOAD", "value": Setting("artefacts.upload")},
    ]
    given = [
        {"configMapRef": {"name": f"{NAME}-workers", "optional": True}},
        {"secretRef": {"name": Setting("trial.secretName"), "optional": True}},
    ]
    template = pod(
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
    # Never tried again unseen: a second trial on a platform that the first one broke would prove nothing.
    spec = {"backoffLimit": 0, "activeDeadlineSeconds": Setting("trial.deadlineSeconds"), "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": about(f"{NAME}-trial", "trial"), "spec": spec}


def janitor() -> dict[str, Any]:
    """One at a time."""
    alive = "import os, sys, time; sys.exit(time.time() - os.path.getmtime('/tmp/alive') > 60)"
    template = pod(
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
    spec = {"replicas": 1, "strategy": {"type": "Recreate"}, "selector": {"matchLabels": selected("janitor")}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": about(f"{NAME}-janitor", "janitor"), "spec": spec}
