"""Helm installs the chart on a real API server; a whole trial runs as its pods would: with their accounts, their variables and their arguments.

No kubelet starts a container here, so the test starts the processes of the pods itself, and plays what shows them the Secret.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from closeshave.files import write_atomically
from closeshave.reference.installation.objects import RESTRICTED
from closeshave.reference.installation.settings import FILES
from closeshave.reference.installation.workers import WORKERS_PORT
from tests.kubernetes import platform, store
from tests.kubernetes.controlplane import ControlPlane, free_port, until
from tests.kubernetes.programs import HELM, lacking
from tests.kubernetes.test_faults_on_a_control_plane import whole
from tests.kubernetes.test_manifests import DEPLOY
from tests.remote import plans
from truth.command import Ended
from truth.plain.running import plain

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(600)]
RELEASE, OWN, PLATFORM = "closeshave", "senders", "trials-by-pods"
JOIN = f"/api/v1/namespaces/{OWN}/secrets/closeshave-join"
LABELLED = "labelSelector=app.kubernetes.io%2Fname%3Dcloseshave"
MADE = (
    f"/api/v1/namespaces/{OWN}/configmaps", f"/api/v1/namespaces/{OWN}/secrets", f"/api/v1/namespaces/{OWN}/services",
    f"/api/v1/namespaces/{OWN}/serviceaccounts", f"/apis/apps/v1/namespaces/{OWN}/statefulsets",
    f"/apis/networking.k8s.io/v1/namespaces/{OWN}/networkpolicies", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{OWN}/roles",
    f"/apis/rbac.authorization.k8s.io/v1/namespaces/{PLATFORM}/roles", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{PLATFORM}/rolebindings",
)  # fmt: skip
"""Where the chart makes objects that nothing else makes."""
VALUES = ("--set", f"namespaces={{{PLATFORM}}}", "--set", "workers.enabled=true", "--set", "trial.enabled=false")
"""The Job of the trial is left out: the test is its pod."""
LOST_AFTER_S = 5.0
"""How long after the load's start a pod is killed."""
SHOWN_EVERY_S = 2.0
"""A kubelet takes up to a minute and a half."""


@dataclass(frozen=True, slots=True)
class Installed:
    """The chart, on a cluster."""

    plane: ControlPlane

    def helm(self, *arguments: str) -> str:
        """As the administrator. Raises :class:`AssertionError`."""
        done = subprocess.run(
            [str(HELM.binary), *arguments, "--namespace", OWN],
            capture_output=True, text=True, timeout=300, check=False,
            env={"HOME": str(self.plane.directory), "PATH": "/usr/bin:/bin", "KUBECONFIG": str(self.plane.directory / "admin.kubeconfig")},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def objects(self) -> dict[str, list[str]]:
        """What the chart has made, by where it is."""
        return {at: [each["metadata"]["name"] for each in self.plane.items(f"{at}?{LABELLED}")] for at in MADE}


@pytest.fixture(scope="module")
def installed(plane: ControlPlane) -> Iterator[Installed]:
    """By ``helm install``, into a namespace that enforces the policy *restricted*; at the end ``helm uninstall`` leaves nothing of it."""
    if said := lacking(HELM):
        pytest.skip(said)
    for name, labels in ((OWN, RESTRICTED), (PLATFORM, {})):
        about = {"name": name, "labels": labels}
        plane.ask("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": about})
    found = Installed(plane)
    assert not any(found.objects().values())
    found.helm("install", RELEASE, str(DEPLOY / "helm"), *VALUES)
    yield found
    found.helm("uninstall", RELEASE, "--wait")
    assert not any(found.objects().values()), found.objects()
    for name in (OWN, PLATFORM):
        plane.ask("DELETE", f"/api/v1/namespaces/{name}")


def _pods(plane: ControlPlane, part: str) -> list[dict[str, Any]]:
    return plane.items(f"/api/v1/namespaces/{OWN}/pods?labelSelector=closeshave.io/harness%3D{part}")


def _are(plane: ControlPlane, count: int) -> bool:
    return len(_pods(plane, "worker")) == count


def test_an_installation_has_its_pods_and_an_upgrade_changes_their_number(installed: Installed) -> None:
    """What is set again is taken over, for the trial too."""
    assert all(installed.objects().values()), installed.objects()
    until("the pods", lambda: len(_pods(installed.plane, "worker")) == 2 and len(_pods(installed.plane, "janitor")) == 1)
    for replicas in (3, 2):
        installed.helm("upgrade", RELEASE, str(DEPLOY / "helm"), *VALUES, "--set", f"workers.replicas={replicas}")
        until(f"{replicas} pods", partial(_are, installed.plane, replicas))
        options = installed.plane.ask("GET", f"/api/v1/namespaces/{OWN}/configmaps/closeshave-workers")["data"]
        assert options["CLOSESHAVE_RUN_EXPECT_WORKERS"] == str(replicas)


def test_the_job_of_a_trial_is_deleted_before_another_trial(installed: Installed) -> None:
    """A Job cannot be changed: an upgrade with other arguments is refused as long as there is one. What the trial reads can be changed meanwhile."""
    plane, chart, job = installed.plane, str(DEPLOY / "helm"), f"/apis/batch/v1/namespaces/{OWN}/jobs/closeshave-trial"
    with_trial = (*VALUES, "--set", "trial.enabled=true")
    installed.helm("upgrade", RELEASE, chart, *with_trial)
    uid = plane.ask("GET", job)["metadata"]["uid"]
    installed.helm("upgrade", RELEASE, chart, *with_trial, "--set", "files.more\\.yaml=a: b")
    assert plane.ask("GET", f"/api/v1/namespaces/{OWN}/configmaps/closeshave")["data"]["more.yaml"] == "a: b"
    other = (*with_trial, "--set", "trial.arguments={run,nightly}")
    with pytest.raises(AssertionError, match="field is immutable"):
        installed.helm("upgrade", RELEASE, chart, *other)
    assert plane.ask("GET", job)["metadata"]["uid"] == uid
    plane.kubectl("delete", "job", "closeshave-trial", "--namespace", OWN, "--wait")
    installed.helm("upgrade", RELEASE, chart, *other)
    (container,) = plane.ask("GET", job)["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["run", "nightly"]
    installed.helm("upgrade", RELEASE, chart, *VALUES)
    assert plane.client.get(job).status_code == 404


@dataclass(slots=True)
class Pod:
    """The process of a load machine's pod."""

    name: str
    directory: Path
    process: subprocess.Popen[bytes]

    def said(self) -> str:
        """Its log."""
        return (self.directory / "log").read_text()


@contextmanager
def _sender(installed: Installed, name: str, directory: Path, port: int, plan: Path) -> Iterator[Pod]:
    """With the arguments of the StatefulSet, at other places than a container has."""
    told = installed.plane.ask("GET", f"/apis/apps/v1/namespaces/{OWN}/statefulsets/closeshave-workers")
    (container,) = told["spec"]["template"]["spec"]["containers"]
    there = {
        f"closeshave-run:{WORKERS_PORT}": f"127.0.0.1:{port}",
        "/join/join.json": str(directory / "join" / "join.json"),
        FILES: str(plan.parent),
        "/load": str(directory / "load"),
    }
    assert there.keys() <= set(container["args"])
    (directory / "join").mkdir(parents=True)
    with (directory / "log").open("wb") as log:
        command = [sys.executable, "-m", "closeshave", *(there.get(each, each) for each in container["args"]), "--name", name]
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        yield Pod(name, directory, process)
    finally:
        process.kill()
        process.wait()


@contextmanager
def _shown(plane: ControlPlane, places: list[Path]) -> Iterator[None]:
    """Plays the kubelets' volumes of the Secret: its keys are files, with the mode of the manifest, or are not there."""
    over = Event()

    def play() -> None:
        while not over.wait(SHOWN_EVERY_S):
            with suppress(AssertionError):
                data = plane.ask("GET", JOIN).get("data") or {}
                for place in places:
                    for path in place.iterdir():
                        if path.name not in data:
                            path.unlink()
                    for name, value in data.items():
                        write_atomically(place / name, base64.b64decode(value), 0o440)

    thread = Thread(target=play, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(40)


MOUNTED = (
    'mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io && ln -s "$0" /run/secrets/kubernetes.io/serviceaccount && exec "$@"'
)


def _run_in_the_pod(plane: ControlPlane, directory: Path, environ: dict[str, str], *arguments: object) -> Ended:
    """``closeshave`` as the pod of the trial starts it: it finds the token of its account where pods have it, in a namespace of mounts of its own."""
    account = directory / "account"
    account.mkdir()
    (account / "ca.crt").write_bytes((plane.directory / "certificates" / "apiserver.crt").read_bytes())
    (account / "token").write_text(plane.token(OWN, "closeshave-trial"))
    host, port = plane.url.removeprefix("https://").split(":")
    found = {**os.environ, **environ, "KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    found |= {"XDG_STATE_HOME": str(directory / "state"), "XDG_CONFIG_HOME": str(directory / "config"), "COLUMNS": "200"}
    found.pop("KUBECONFIG")
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", MOUNTED, str(account), sys.executable, "-m", "closeshave", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=found,
    )  # fmt: skip
    try:
        said, _ = process.communicate(timeout=540)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    return Ended(process.returncode, said, directory / "runs")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount the place where a pod has its token")
def test_a_trial_of_pods_loses_one_and_is_copied_to_a_store(installed: Installed, tmp_path: Path) -> None:
    """Two pods join by the Secret; one is killed during the load, and its share is dealt again; a fault on the cluster heals; all is in the store."""
    plane, port = installed.plane, free_port()
    platform.make(plane, "zalando", PLATFORM)
    with ExitStack() as there:
        there.enter_context(platform.operated(plane, "zalando", PLATFORM))
        shop = there.enter_context(plain("--accounts", "20"))
        gateway = there.enter_context(store.serving(tmp_path))
        whole(platform.deployment(tmp_path / "root", platform.cluster(plane, "zalando", PLATFORM)))
        database = {"id": 1, "namespace": PLATFORM, "cluster": "shop-1", "instances": 2}
        cluster = {"uid": plane.uid, "namespaces": [PLATFORM], "preset": "zalando", "shards": [database]}
        plans.environment(tmp_path, shop, kind="kubernetes", hooks=[], cluster=cluster)
        plan = plans.plan(
            tmp_path, "database", calm_s=30, traffic={"think_time_scale": 0.2, "contests_per_s": 0.5, "redeal": True, "processes": 1}
        )
        pods = {
            name: there.enter_context(_sender(installed, name, tmp_path / name, port, plan))
            for name in ("closeshave-workers-0", "closeshave-workers-1")
        }
        there.enter_context(_shown(plane, [each.directory / "join" for each in pods.values()]))
        killed, left = pods["closeshave-workers-1"], pods["closeshave-workers-0"]
        killing = Thread(target=_kill_during_the_load, args=(killed,), daemon=True)
        killing.start()
        told = plane.ask("GET", f"/api/v1/namespaces/{OWN}/configmaps/closeshave-workers")["data"]
        environ = {**told, "CLOSESHAVE_RUN_WORKERS_PORT": str(port), "CLOSESHAVE_RUN_UPLOAD": "s3://reports/nightly", **gateway.environ}
        ended = _run_in_the_pod(plane, tmp_path, environ, "run", plan, "--runs", tmp_path / "runs")
        killing.join(10)
        assert ended.code == 3, ended.said[-4000:] + killed.said() + left.said()
        _is_told_who_was_lost(ended.run)
        assert {ended.verdicts()[name]["status"] for name in ("observed/database", "healed/database")} == {"pass"}
        # The Secret is empty again, so the next pod joins nothing; the one that is left waits for the next run, and has removed what the run has.
        assert not plane.ask("GET", JOIN).get("data")
        assert "the run has all records of this machine" in left.said()
        until("its records to be removed", lambda: not list((left.directory / "load").iterdir()), 20)
        until("the file to go", lambda: not list((left.directory / "join").iterdir()), 20)
        left.process.send_signal(signal.SIGTERM)
        assert left.process.wait(30) == 0
        held = store.held(gateway, f"nightly/{ended.run.name}")
        assert held == {path.relative_to(ended.run).as_posix(): path.read_bytes() for path in ended.run.rglob("*") if path.is_file()}


def _kill_during_the_load(pod: Pod) -> None:
    until("the load", lambda: "the load starts" in pod.said(), 400)
    with suppress(AssertionError):
        until("its moment", lambda: False, LOST_AFTER_S)
    pod.process.kill()


def _is_told_who_was_lost(run: Path) -> None:
    parts = {each["name"]: each for each in json.loads((run / "load-machines.json").read_text())}
    lost, left = parts["closeshave-workers-1"], parts["closeshave-workers-0"]
    assert lost["redealt_ns"] is not None
    assert lost["intended"] == lost["sent"] + lost["late"] + lost["blind"]
    assert lost["blind"] > 0 < lost["sent"]
    assert left["taken"] > 0
    assert (left["sent"], left["blind"]) == (left["intended"], 0)
