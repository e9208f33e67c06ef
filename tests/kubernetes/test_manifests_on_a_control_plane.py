"""A real API server takes what we ship, its controllers make the pods under the policy *restricted*, and the accounts may do what they should, no more."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from ruamel.yaml import YAML

from closeshave.clients import kubeconfig
from closeshave.cluster import NEEDS
from closeshave.environments.kubernetes import guard
from closeshave.environments.kubernetes.look import look
from closeshave.faults.kubernetes import keeper
from closeshave.machines.master import MachinesFailed
from closeshave.trial import joinsecret
from tests.kubernetes import platform
from tests.kubernetes.controlplane import ControlPlane, until
from tests.kubernetes.test_faults_on_a_control_plane import _definition
from tests.kubernetes.test_manifests import DEPLOY

pytestmark = pytest.mark.kubernetes
NAMESPACE = "booking"
"""The platform's, as the base names it."""


@pytest.fixture(scope="module")
def applied(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The base and the component, by kubectl's own kustomize, with validation by the server."""
    if not any(each["metadata"]["name"] == NAMESPACE for each in plane.items("/api/v1/namespaces")):
        plane.ask("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    overlay = tmp_path_factory.mktemp("overlay")
    # Kustomize takes only paths below or beside.
    subprocess.run(["cp", "-r", str(DEPLOY / "kustomize"), str(overlay / "kustomize")], check=True)
    told = {"resources": ["kustomize/base"], "components": [f"kustomize/components/{each}" for each in ("cordoning", "workers")]}
    with (overlay / "kustomization.yaml").open("w") as file:
        YAML(typ="safe").dump({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", **told}, file)
    made = plane.kubectl("kustomize", str(overlay)).stdout
    done = plane.kubectl("apply", "--server-side", "--validate=strict", "-f", "-", stdin=made)
    assert "Warning" not in done.stderr, done.stderr
    yield plane
    plane.kubectl("delete", "--wait=false", "-f", "-", stdin=made)


def test_an_unknown_field_is_refused_by_the_server(applied: ControlPlane) -> None:
    """So the test above can fail."""
    text = (DEPLOY / "kustomize" / "base" / "trial.yaml").read_text().replace("backoffLimit: 0", "backoffLimit: 0\n  retries: 0")
    done = applied.kubectl("apply", "--server-side", "--validate=strict", "--dry-run=server", "-f", "-", stdin=text, check=False)
    assert done.returncode != 0
    assert "retries" in done.stderr


@pytest.mark.parametrize("part", ["trial", "janitor", "worker"])
def test_pods_are_made_under_the_policy_restricted(part: str, applied: ControlPlane) -> None:
    """The namespace enforces it: a pod that is not restricted would never be there."""
    (namespace,) = [each for each in applied.items("/api/v1/namespaces") if each["metadata"]["name"] == "closeshave"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    query = f"/api/v1/namespaces/closeshave/pods?labelSelector=closeshave.io/harness%3D{part}"
    wanted = 2 if part == "worker" else 1
    until(f"the pods of the {part}", lambda: len(applied.items(query)) == wanted, 60)


def test_a_pod_that_is_not_restricted_is_refused_there(applied: ControlPlane) -> None:
    """So the test above can fail."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "root"},
        "spec": {"containers": [{"name": "x", "image": "example.invalid/x"}]},
    }
    answer = applied.client.post("/api/v1/namespaces/closeshave/pods", json=pod)
    assert answer.status_code == 403
    assert "violates PodSecurity" in answer.text


ALLOWED = [
    ("GET", "/api/v1/namespaces/kube-system"),
    ("GET", "/api/v1/nodes"),
    ("GET", f"/api/v1/namespaces/{NAMESPACE}/pods"),
    ("GET", f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies"),
]
FORBIDDEN = [
    ("GET", "/api/v1/namespaces"),
    ("GET", "/api/v1/pods"),
    ("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets"),
    ("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps"),
    ("POST", f"/api/v1/namespaces/{NAMESPACE}/pods"),
    ("POST", f"/api/v1/namespaces/{NAMESPACE}/pods/shop-1-0/exec"),
    ("DELETE", f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=a%3Db"),
    ("DELETE", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/api"),
    ("PATCH", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/api/scale"),
    ("GET", "/api/v1/namespaces/kube-system/pods"),
    ("GET", "/api/v1/namespaces/default/pods"),
    ("DELETE", "/api/v1/namespaces/default/pods/x"),
    ("DELETE", "/api/v1/nodes/zone-a-1"),
    ("PATCH", "/api/v1/nodes/zone-a-1/status"),
    ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"),
    ("POST", "/api/v1/namespaces/closeshave/serviceaccounts/closeshave-trial/token"),
]
ONLY_THE_TRIAL = [
    ("DELETE", f"/api/v1/namespaces/{NAMESPACE}/pods/nobody"),
    ("POST", f"/api/v1/namespaces/{NAMESPACE}/pods/nobody/eviction"),
    ("POST", f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies"),
    ("POST", f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"),
]
JOIN = "/api/v1/namespaces/closeshave/secrets/closeshave-join"
DONE = [
    ("trial", "PATCH", JOIN, True),
    *((account, "PATCH", JOIN, False) for account in ("janitor", "worker")),
    *((account, "GET", JOIN, False) for account in ("trial", "janitor", "worker")),
    *((account, "PATCH", "/api/v1/namespaces/closeshave/secrets/closeshave", False) for account in ("trial", "janitor", "worker")),
    *(("worker", *each, False) for each in (*ALLOWED, *FORBIDDEN, *ONLY_THE_TRIAL)),
    *((account, *each, True) for account in ("trial", "janitor") for each in ALLOWED),
    *((account, *each, False) for account in ("trial", "janitor") for each in FORBIDDEN),
    *(("trial", *each, True) for each in ONLY_THE_TRIAL),
    *(("janitor", *each, False) for each in ONLY_THE_TRIAL),
    *((account, "PATCH", f"/api/v1/namespaces/{NAMESPACE}/pods/nobody", True) for account in ("trial", "janitor")),
    *((account, "PATCH", f"/api/v1/namespaces/{NAMESPACE}/pods/nobody/resize", True) for account in ("trial", "janitor")),
    *((account, "PATCH", "/api/v1/nodes/nobody", True) for account in ("trial", "janitor")),
    ("trial", "GET", f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/another", False),
    ("janitor", "GET", f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/closeshave", True),
    ("janitor", "PATCH", f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/closeshave", False),
]


@pytest.mark.parametrize(("account", "method", "at", "may"), DONE)
def test_an_account_may_do_what_it_should_and_no_more(account: str, method: str, at: str, may: bool, applied: ControlPlane) -> None:
    """By doing it, as that account: 403 is a refusal; what is allowed and names nothing that is there, or sends nonsense, gets another answer."""
    headers = {"Authorization": f"Bearer {applied.token('closeshave', f'closeshave-{account}')}"}
    headers |= {"Content-Type": "application/merge-patch+json"} if method == "PATCH" else {}
    body: dict[str, object] | None = {} if method in {"POST", "PATCH"} else None
    answer: httpx.Response = applied.client.request(method, at, json=body, headers=headers)
    assert (answer.status_code != 403) is may, f"{answer.status_code} {answer.text}"
    assert answer.status_code != 401


def test_the_rights_of_the_chart_are_those_that_the_guard_asks_for(
    applied: ControlPlane, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """For every kind of fault; without them the run is refused with what is lacking."""
    described = platform.cluster(applied, "zalando", NAMESPACE, context="trial")
    monkeypatch.setenv("KUBECONFIG", str(applied.kubeconfig("trial", applied.token("closeshave", "closeshave-trial"))))
    assert list(guard.unsound(_definition(described), look(described, NEEDS))) == []
    janitor = platform.cluster(applied, "zalando", NAMESPACE, context="janitor")
    monkeypatch.setenv("KUBECONFIG", str(applied.kubeconfig("janitor", applied.token("closeshave", "closeshave-janitor"))))
    (said,) = guard.unsound(_definition(janitor), look(janitor, NEEDS))
    assert "delete pods in booking" in said
    assert keeper.sweep(janitor, lambda _line: None) == ()


def test_the_trial_tells_pods_how_to_join_and_takes_it_back(applied: ControlPlane, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the rights of its own account, as a pod has them; another Secret than that one cannot be changed, and says so."""
    host, port = applied.url.removeprefix("https://").split(":")
    (tmp_path / "ca.crt").write_bytes((applied.directory / "certificates" / "apiserver.crt").read_bytes())
    (tmp_path / "token").write_text(applied.token("closeshave", "closeshave-trial"))
    as_pod = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    way = partial(kubeconfig.of, environ=as_pod, pod=tmp_path)
    monkeypatch.setattr(kubeconfig, "of", way)
    join = tmp_path / "join.json"
    join.write_text('{"token": "of a run"}')
    secret = joinsecret.named("closeshave/closeshave-join")
    joinsecret.publish(secret, join)
    held = applied.ask("GET", JOIN)
    assert {name: base64.b64decode(value).decode() for name, value in held["data"].items()} == {"join.json": join.read_text()}
    joinsecret.empty(secret)
    assert not applied.ask("GET", JOIN).get("data")
    with pytest.raises(MachinesFailed, match=r"the Secret closeshave/another: PATCH .* answers 403: secrets \"another\" is forbidden"):
        joinsecret.publish(joinsecret.named("closeshave/another"), join)
