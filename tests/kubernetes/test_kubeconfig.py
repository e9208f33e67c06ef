"""How a cluster is reached: kubeconfig, service account, exec plugin; and what is refused, with the file and what would be right."""

from __future__ import annotations

import base64
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from closeshave.clients import kubeconfig
from closeshave.clients.kubeconfig import NoAccess
from closeshave.clients.kubernetes import ClusterApi, OutOfBounds, path
from closeshave.files import certificates

NAME = "staging"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of an authority."""
    made = certificates.Authority.within(tmp_path_factory.mktemp("authority"))
    certificates.found(made, "test", datetime.now(UTC))
    return made.certificate


def config(cluster: dict[str, Any], user: dict[str, Any]) -> dict[str, Any]:
    """A kubeconfig with one context."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "contexts": [{"name": NAME, "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://api.example.com:6443/"} | cluster}],
        "users": [{"name": "u", "user": user}],
    }


def reached(directory: Path, told: dict[str, Any], name: str = NAME) -> kubeconfig.ClusterAccess:
    """By a context of a file."""
    (directory / "config").write_text(json.dumps(told))
    return kubeconfig.of(name, {"KUBECONFIG": str(directory / "config")})


def test_a_context_with_a_token(tmp_path: Path, authority: Path) -> None:
    """Its authority by the path of a file, which counts from the kubeconfig, or in the file itself."""
    (tmp_path / "ca.crt").write_bytes(authority.read_bytes())
    for told in ({"certificate-authority": "ca.crt"}, {"certificate-authority-data": base64.b64encode(authority.read_bytes()).decode()}):
        access = reached(tmp_path, config(told, {"token": "secret"}))
        assert (access.server, access.token()) == ("https://api.example.com:6443", "secret")
        assert len(access.context.get_ca_certs()) == 1


def test_a_plugin_is_asked_again_when_its_token_expires(tmp_path: Path) -> None:
    """The clouds' command lines are such plugins. What it prints is never shown."""
    program = tmp_path / "plugin.py"
    program.write_text(
        "import json, os, pathlib, sys\n"
        "assert json.loads(os.environ['KUBERNETES_EXEC_INFO'])['kind'] == 'ExecCredential'\n"
        "count = pathlib.Path(sys.argv[1]); number = int(count.read_text()) + 1 if count.exists() else 1; count.write_text(str(number))\n"
        "expires = '2001-01-01T00:00:00Z' if number < 3 else '2999-01-01T00:00:00Z'\n"
        "print(json.dumps({'status': {'token': f'token-{number}', 'expirationTimestamp': expires}}))\n"
    )
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-I", "-S", str(program), str(tmp_path / "count")],
    }
    token = reached(tmp_path, config({}, {"exec": plugin})).token
    assert [token() for _ in range(4)] == ["token-1", "token-2", "token-3", "token-3"]


def test_without_a_context_it_is_the_pods_own_account(tmp_path: Path, authority: Path) -> None:
    """Its token is read for each request: Kubernetes replaces it every hour."""
    (tmp_path / "ca.crt").write_bytes(authority.read_bytes())
    (tmp_path / "token").write_text("first\n")
    access = kubeconfig.of(None, {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}, tmp_path)
    assert (access.server, access.token()) == ("https://[fd00::1]:6443", "first")
    (tmp_path / "token").write_text("second")
    assert access.token() == "second"


@pytest.mark.parametrize(
    ("cluster", "user", "says"),
    [
        ({"server": "http://api.example.com"}, {"token": "secret"}, "no https:// address"),
        ({"insecure-skip-tls-verify": True}, {"token": "secret"}, "a wrong cluster could answer"),
        ({"certificate-authority": "nowhere.crt"}, {"token": "secret"}, "nowhere.crt"),
        ({"certificate-authority-data": "%%"}, {"token": "secret"}, "is not base64"),
        (
            {"certificate-authority-data": base64.b64encode(b"nothing").decode()},
            {"token": "secret"},
            "certificate-authority cannot be read",
        ),
        ({}, {}, "neither a token"),
        (
            {},
            {"client-certificate-data": base64.b64encode(b"x").decode(), "client-key-data": base64.b64encode(b"secret").decode()},
            "cannot be used",
        ),
    ],
)
def test_what_cannot_be_used_is_said_without_a_credential(cluster: dict[str, Any], user: dict[str, Any], says: str, tmp_path: Path) -> None:
    """By the file and what would be right."""
    with pytest.raises(NoAccess) as refused:
        reached(tmp_path, config(cluster, user))
    assert says in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("command", "ends"),
    [
        (["-c", "print('no json')"], "JSONDecodeError"),
        (["-c", "raise SystemExit(3)"], "CalledProcessError"),
        (["-c", "print('{}')"], "KeyError"),
    ],
)
def test_a_plugin_that_gives_no_token_is_named(command: list[str], ends: str, tmp_path: Path) -> None:
    """Not what it printed."""
    token = reached(tmp_path, config({}, {"exec": {"command": sys.executable, "args": ["-I", "-S", *command]}})).token
    with pytest.raises(NoAccess, match="gave no token"):
        token()


def test_unknown_names_are_told_with_those_that_there_are(tmp_path: Path) -> None:
    """As kubectl names them."""
    with pytest.raises(NoAccess, match="no context 'production'; available: staging"):
        reached(tmp_path, config({}, {"token": "x"}), "production")
    with pytest.raises(NoAccess, match="there is no kubeconfig at"):
        kubeconfig.of(NAME, {"KUBECONFIG": str(tmp_path / "nothing")})
    with pytest.raises(NoAccess, match=r"cluster\.context"):
        kubeconfig.of(None, {})


@pytest.mark.parametrize(
    "at",
    [
        path("v1/pods", "other", "x"),
        path("v1/namespaces", name="booking"),
        path("v1/persistentvolumes", name="x"),
        path("rbac.authorization.k8s.io/v1/clusterroles", name="x"),
        "/api/v1/namespaces/booking/pods/../../other/pods/x",
        "/healthz",
    ],
)
def test_a_change_outside_the_named_namespaces_is_never_sent(at: str, tmp_path: Path) -> None:
    """Nothing listens there: a request would be another error."""
    api = ClusterApi(reached(tmp_path, config({}, {"token": "x"})), ["booking"])
    for change in (lambda: api.delete(at), lambda: api.create(at, {}), lambda: api.patch(at, {})):
        with pytest.raises(OutOfBounds):
            change()


def test_a_name_cannot_change_a_path() -> None:
    """Names come from the cluster."""
    assert path("v1/pods", "booking", "../../kube-system/pods/x") == "/api/v1/namespaces/booking/pods/..%2F..%2Fkube-system%2Fpods%2Fx"
    assert path("apps/v1/statefulsets", "booking", "a?b") == "/apis/apps/v1/namespaces/booking/statefulsets/a%3Fb"
    with pytest.raises(OutOfBounds):
        path("v1/pods", "booking", "..")
