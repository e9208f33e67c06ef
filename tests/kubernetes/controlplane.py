"""A real control plane on this machine: etcd, API server, controllers and scheduler. There is no node: a thread of the test plays the kubelets.

What it plays: a pod that is bound to a node becomes running and ready, is given the resources that it asks for, and ends when it is to end; and (unless
told otherwise) a pod that a NetworkPolicy cuts off becomes unready. Everything else is Kubernetes itself.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from closeshave.environments import parts
from tests.kubernetes.programs import APISERVER, CONTROLLERS, KUBECTL, SCHEDULER

READY_WITHIN_S = 240.0
ADMIN = "admin-token-of-a-test"
LAST_WORDS = 2000


def free_port() -> int:
    """A port without a listener now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(what: str, holds: Callable[[], Any], within_s: float = 60.0) -> Any:
    """What ``holds`` returns, once that is true. Raises :class:`AssertionError`."""
    deadline = time.monotonic() + within_s
    while not (found := holds()):
        assert time.monotonic() < deadline, f"{what} did not come within {within_s:g} s"
        time.sleep(0.1)
    return found


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A running one."""

    url: str
    directory: Path
    client: httpx.Client

    def ask(self, method: str, path: str, body: object = None, *, patch: str = "merge-patch") -> dict[str, Any]:
        """As the administrator. Raises :class:`AssertionError` for a refusal."""
        sort = f"application/{patch}+json" if method == "PATCH" else "application/json"
        answer = self.client.request(method, path, json=body, headers={"Content-Type": sort})
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:LAST_WORDS]}"
        told: dict[str, Any] = answer.json()
        return told

    def items(self, path: str) -> list[dict[str, Any]]:
        """A list's."""
        return list(self.ask("GET", path)["items"])

    def token(self, namespace: str, account: str) -> str:
        """A real one of a service account, as a pod has it."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
        told = self.ask("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", body)
        return str(told["status"]["token"])

    def kubeconfig(self, name: str, token: str) -> Path:
        """A file with a context of this name, for this token."""
        path = self.directory / f"{name}.kubeconfig"
        authority = str(self.directory / "certificates" / "apiserver.crt")
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": name,
                    "contexts": [{"name": name, "context": {"cluster": "test", "user": name}}],
                    "clusters": [{"name": "test", "cluster": {"server": self.url, "certificate-authority": authority}}],
                    "users": [{"name": name, "user": {"token": token}}],
                }
            )
        )
        return path

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """As the administrator."""
        done = subprocess.run(
            [str(KUBECTL.binary), "--kubeconfig", str(self.directory / "admin.kubeconfig"), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={"HOME": str(self.directory), "PATH": os.environ["PATH"]},
        )
        assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stdout} {done.stderr}"
        return done

    @property
    def uid(self) -> str:
        """The cluster's."""
        return str(self.ask("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"])


@contextmanager
def running(directory: Path) -> Iterator[ControlPlane]:
    """A control plane while the block lasts; its processes are ended, whatever happens."""
    started: list[subprocess.Popen[bytes]] = []
    (directory / "certificates").mkdir(parents=True)
    try:
        etcd_url, url = f"http://127.0.0.1:{free_port()}", f"https://127.0.0.1:{(secure := free_port())}"
        _start(started, directory, "etcd", [str(parts.etcd_at_hand(print).program), *_etcd(directory, etcd_url)])
        key = directory / "accounts.key"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True, timeout=60)
        (directory / "tokens.csv").write_text(f"{ADMIN},admin,admin,system:masters\n")
        _start(started, directory, "apiserver", [str(APISERVER.binary), *_apiserver(directory, etcd_url, secure, key)])
        certificate = directory / "certificates" / "apiserver.crt"
        until("the API server's certificate", certificate.exists, READY_WITHIN_S)
        client = httpx.Client(
            base_url=url, verify=_trusting(certificate), headers={"Authorization": f"Bearer {ADMIN}"}, trust_env=False, timeout=30
        )
        plane = ControlPlane(url, directory, client)
        until(f"the API server ({directory})", lambda: _ready(client), READY_WITHIN_S)
        config = plane.kubeconfig("admin", ADMIN)
        common = ["--kubeconfig", str(config), "--leader-elect=false", "--secure-port=0"]
        controllers = ["--controllers=*,-node-lifecycle-controller", "--service-account-private-key-file", str(key)]
        _start(started, directory, "controllers", [str(CONTROLLERS.binary), *common, *controllers, "--root-ca-file", str(certificate)])
        _start(started, directory, "scheduler", [str(SCHEDULER.binary), *common])
        until("the account of a namespace", lambda: plane.items("/api/v1/namespaces/default/serviceaccounts"), READY_WITHIN_S)
        yield plane
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGKILL)
            process.wait()
        shutil.rmtree(directory / "etcd", ignore_errors=True)


def _trusting(certificate: Path) -> Any:
    import ssl  # noqa: PLC0415 - once

    return ssl.create_default_context(cafile=str(certificate))


def _ready(client: httpx.Client) -> bool:
    with suppress(httpx.HTTPError):
        return client.get("/readyz").status_code == 200
    return False


def _start(started: list[subprocess.Popen[bytes]], directory: Path, name: str, argv: list[str]) -> None:
    with (directory / f"{name}.log").open("wb") as log:
        started.append(subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT, start_new_session=True))


def _etcd(directory: Path, url: str) -> list[str]:
    peers = f"http://127.0.0.1:{free_port()}"
    return [
        "--data-dir", str(directory / "etcd"), "--listen-client-urls", url, "--advertise-client-urls", url, "--listen-peer-urls", peers,
        "--initial-advertise-peer-urls", peers, "--initial-cluster", f"default={peers}", "--unsafe-no-fsync",
    ]  # fmt: skip


def _apiserver(directory: Path, etcd_url: str, port: int, key: Path) -> list[str]:
    return [
        "--etcd-servers", etcd_url, "--secure-port", str(port), "--bind-address=127.0.0.1", "--cert-dir", str(directory / "certificates"),
        "--service-account-key-file", str(key), "--service-account-signing-key-file", str(key),
        "--service-account-issuer=https://kubernetes.default.svc", "--token-auth-file", str(directory / "tokens.csv"),
        "--authorization-mode=RBAC", "--service-cluster-ip-range=10.96.0.0/16",
    ]  # fmt: skip


def add_node(plane: ControlPlane, name: str, zone: str) -> None:
    """A node that is ready, without a machine."""
    about = {"name": name, "labels": {"topology.kubernetes.io/zone": zone, "kubernetes.io/hostname": name}}
    plane.ask("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": about})
    room = {"cpu": "64", "memory": "256Gi", "pods": "200"}
    condition = {"type": "Ready", "status": "True", "reason": "Played", "message": "by the test"}
    status = {"status": {"capacity": room, "allocatable": room, "conditions": [condition]}}
    plane.ask("PATCH", f"/api/v1/nodes/{name}/status", status)
    # Admission taints new nodes until their controller has seen them; it does not run, because it would miss their heartbeats.
    plane.ask("PATCH", f"/api/v1/nodes/{name}", {"spec": {"taints": None}})


@dataclass
class Kubelets:
    """Plays the kubelets of all nodes."""

    plane: ControlPlane
    enforces: bool = True
    """Whether a pod that a NetworkPolicy cuts off becomes unready, as a probe of its own would see."""
    never_ready: set[str] = field(default_factory=set)
    """The names of pods that start and do not become ready."""
    trouble: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def play(self) -> None:
        """Until :meth:`stop`."""
        while not self._over.wait(0.1):
            try:
                self._round()
            except (AssertionError, httpx.HTTPError) as error:
                # A pod may be gone between the list and its change.
                self.trouble.append(str(error))

    def stop(self) -> None:
        """End playing."""
        self._over.set()

    def _round(self) -> None:
        policies = self.plane.items("/apis/networking.k8s.io/v1/networkpolicies") if self.enforces else []
        for pod in self.plane.items("/api/v1/pods"):
            about, at = pod["metadata"], f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
            if about.get("deletionTimestamp"):
                self.plane.ask("DELETE", at, {"gracePeriodSeconds": 0, "preconditions": {"uid": about["uid"]}})
            elif pod["spec"].get("nodeName") and pod["status"].get("phase") not in {"Succeeded", "Failed"}:
                self._run(pod, at, cut=about["name"] in self.never_ready or any(_cuts(policy, about) for policy in policies))

    def _run(self, pod: Mapping[str, Any], at: str, *, cut: bool) -> None:
        ready = "False" if cut else "True"
        containers = [
            {
                "name": each["name"], "image": each["image"], "imageID": "", "ready": not cut, "restartCount": 0, "started": True,
                "state": {"running": {}}, "resources": each.get("resources", {}),
            }
            for each in pod["spec"]["containers"]
        ]  # fmt: skip
        held = pod["status"]
        seen = [(each["name"], each["ready"], each.get("resources")) for each in held.get("containerStatuses", [])]
        conditions = [each["status"] for each in held.get("conditions", []) if each["type"] == "Ready"]
        if conditions == [ready] and seen == [(each["name"], each["ready"], each["resources"]) for each in containers]:
            return
        told = [{"type": name, "status": ready} for name in ("Ready", "ContainersReady")]
        told += [{"type": "Initialized", "status": "True"}, {"type": "PodScheduled", "status": "True"}]
        status = {"phase": "Running", "conditions": told, "containerStatuses": containers}
        self.plane.ask("PATCH", f"{at}/status", {"metadata": {"uid": pod["metadata"]["uid"]}, "status": status})


def _cuts(policy: Mapping[str, Any], about: Mapping[str, Any]) -> bool:
    """Whether a policy that allows nothing selects a pod."""
    wanted = policy["spec"].get("podSelector", {}).get("matchLabels", {})
    labels = about.get("labels", {})
    same = policy["metadata"]["namespace"] == about["namespace"] and all(labels.get(key) == value for key, value in wanted.items())
    return same and not policy["spec"].get("ingress") and not policy["spec"].get("egress")


@contextmanager
def kubelets(plane: ControlPlane) -> Iterator[Kubelets]:
    """Played while the block lasts."""
    played = Kubelets(plane)
    thread = threading.Thread(target=played.play, daemon=True)
    thread.start()
    try:
        yield played
    finally:
        played.stop()
        thread.join(10)
