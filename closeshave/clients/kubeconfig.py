"""How a Kubernetes API server is reached: from a context of the kubeconfig, or as the service account of the pod in which this process runs.

Formats: kubernetes.io/docs/reference/config-api/kubeconfig.v1 and client-authentication.v1. Nothing of it is kept or written anywhere but in the memory of
this process; a message never has a token.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from closeshave.files import foreign
from closeshave.files.yamlfile import InvalidFile, document

VARIABLE = "KUBECONFIG"
POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its service account (kubernetes.io/docs/tasks/run-application/access-api-from-pod)."""
PLUGIN_TIMEOUT_S = 30.0
EARLY = timedelta(seconds=60)
"""A token is renewed this long before it expires."""


class NoAccess(RuntimeError):
    """The cluster cannot be reached from here; says which file or variable lacks what, and never shows a credential."""


@dataclass(frozen=True, slots=True)
class ClusterAccess:
    """The address of an API server, whom it is trusted by, and as whom it is asked."""

    server: str
    context: ssl.SSLContext
    token: Callable[[], str]
    """The token of the next request; empty where a certificate says who asks. Raises :class:`NoAccess`."""
    proxy: str | None = None


def of(context: str | None, environ: Mapping[str, str] = os.environ, pod: Path = POD) -> ClusterAccess:
    """The way by a context of the kubeconfig, or without one by the pod's service account. Raises :class:`NoAccess`."""
    return _by_pod(environ, pod) if context is None else _by_context(context, environ)


def _by_pod(environ: Mapping[str, str], pod: Path) -> ClusterAccess:
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise NoAccess(
            "this process runs in no pod (KUBERNETES_SERVICE_HOST is not set): name a context of the kubeconfig in cluster.context"
        )
    named = f"[{host}]" if ":" in host else host
    return ClusterAccess(f"https://{named}:{port}", _trusting(_bytes(pod / "ca.crt")), lambda: _text(pod / "token"))


def _by_context(name: str, environ: Mapping[str, str]) -> ClusterAccess:
    paths = [Path(each) for each in environ.get(VARIABLE, "").split(os.pathsep) if each] or [Path.home() / ".kube" / "config"]
    files = [(path, _read(path)) for path in paths if path.exists()]
    if not files:
        raise NoAccess(f"there is no kubeconfig at {', '.join(map(str, paths))}; {VARIABLE} names another")
    _, context = _named(files, "contexts", "context", name)
    at, cluster = _named(files, "clusters", "cluster", str(context.get("cluster")))
    of_user, user = _named(files, "users", "user", str(context.get("user")))
    server = cluster.get("server")
    if not isinstance(server, str) or not server.startswith("https://"):
        raise NoAccess(f"{at}: the server of cluster {context.get('cluster')} is no https:// address")
    if cluster.get("insecure-skip-tls-verify"):
        raise NoAccess(f"{at}: insecure-skip-tls-verify is not accepted: a wrong cluster could answer; give its certificate-authority")
    trusted = _trusting(_given(at, cluster, "certificate-authority"))
    certificate, key = _given(of_user, user, "client-certificate"), _given(of_user, user, "client-key")
    if certificate and key:
        _identify(trusted, certificate, key, of_user)
    proxy = cluster.get("proxy-url")
    return ClusterAccess(
        server.rstrip("/"), trusted, _token(of_user, user, bool(certificate and key)), proxy if isinstance(proxy, str) else None
    )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = document(path)
    except (InvalidFile, OSError) as error:
        raise NoAccess(str(error)) from None
    if not isinstance(found, Mapping):
        raise NoAccess(f"{path}: is no kubeconfig")
    return found


def _named(files: list[tuple[Path, Mapping[str, Any]]], key: str, what: str, name: str) -> tuple[Path, Mapping[str, Any]]:
    """The first entry of this name, as kubectl takes it, and its file."""
    known = []
    for path, held in files:
        for each in held.get(key) or ():
            if isinstance(each, Mapping) and isinstance(each.get(what), Mapping):
                if each.get("name") == name:
                    return path, each[what]
                known.append(str(each.get("name")))
    raise NoAccess(f"the kubeconfig has no {what} {name!r}; available: {', '.join(known) or 'none'}")


def _given(at: Path, held: Mapping[str, Any], key: str) -> bytes:
    """What a key of the kubeconfig gives in itself (base64) or by the path of a file, which counts from the kubeconfig."""
    if isinstance(told := held.get(f"{key}-data"), str):
        try:
            return base64.b64decode(told, validate=True)
        except binascii.Error:
            raise NoAccess(f"{at}: {key}-data is not base64") from None
    return _bytes(at.parent / told) if isinstance(told := held.get(key), str) else b""


def _token(at: Path, user: Mapping[str, Any], certified: bool) -> Callable[[], str]:
    if isinstance(told := user.get("token"), str):
        return lambda: told
    if isinstance(file := user.get("tokenFile"), str):
        return lambda: _text(at.parent / file)
    if isinstance(plugin := user.get("exec"), Mapping):
        return Plugin(at, plugin).token
    if certified:
        return lambda: ""
    raise NoAccess(f"{at}: the user has neither a token, a certificate nor an exec plugin that returns a token")


class Plugin:
    """A program that prints a token (``ExecCredential``), as the clouds' command lines do; asked again when the token is about to expire."""

    def __init__(self, at: Path, told: Mapping[str, Any]) -> None:
        self._at, self._told = at, told
        self._held, self._until = "", datetime.min.replace(tzinfo=UTC)

    def token(self) -> str:
        """A token that is valid. Raises :class:`NoAccess`."""
        if self._held and datetime.now(UTC) < self._until:
            return self._held
        version = str(self._told.get("apiVersion"))
        command = [str(self._told.get("command")), *map(str, self._told.get("args") or ())]
        asked = json.dumps({"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}})
        added = {str(each.get("name")): str(each.get("value")) for each in self._told.get("env") or () if isinstance(each, Mapping)}
        try:
            ended = subprocess.run(
                command,
                env={**os.environ, **added, "KUBERNETES_EXEC_INFO": asked},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=PLUGIN_TIMEOUT_S,
                check=True,
            )
            status = foreign.loads(ended.stdout)["status"]
            held = status["token"]
        except (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError) as error:
            raise NoAccess(f"{self._at}: the exec plugin {command[0]} gave no token: {type(error).__name__}") from None
        if not foreign.sendable(held):
            raise NoAccess(f"{self._at}: the exec plugin {command[0]} gave no token that can be sent")
        self._held, self._until = held, _expiry(status.get("expirationTimestamp"))
        return self._held


def _expiry(told: object) -> datetime:
    try:
        return datetime.fromisoformat(str(told)) - EARLY
    except (ValueError, TypeError):
        # Without an expiry it counts until the process ends.
        return datetime.max.replace(tzinfo=UTC)


def _trusting(authority: bytes) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=authority.decode("ascii") or None)
    except (ValueError, ssl.SSLError) as error:
        raise NoAccess(f"the cluster's certificate-authority cannot be read: {type(error).__name__}") from None


def _identify(context: ssl.SSLContext, certificate: bytes, key: bytes, at: Path) -> None:
    """The standard library reads certificates only from files: they exist for as long as that takes, readable by this user alone."""
    with tempfile.TemporaryDirectory(prefix="closeshave-") as scratch:
        paths = Path(scratch, "certificate.pem"), Path(scratch, "key.pem")
        for path, held in zip(paths, (certificate, key), strict=True):
            path.write_bytes(held)
        try:
            context.load_cert_chain(*paths)
        except ssl.SSLError as error:
            raise NoAccess(f"{at}: the client certificate cannot be used: {error.reason}") from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NoAccess(f"{path}: {error.strerror}") from None


def _text(path: Path) -> str:
    return _bytes(path).decode("utf-8", "replace").strip()
