"""The API of a Kubernetes cluster: read what is there, and change what the environment file allows, and nothing else.

Plain requests and JSON: the harness uses a dozen of the API's many hundred calls, and what a cluster answers is foreign text. A change outside the named
namespaces is refused here, whoever asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import quote

import httpx

from closeshave.clients.kubeconfig import ClusterAccess, NoAccess
from closeshave.files import foreign

Object = Mapping[str, Any]
"""An object of the API as JSON: data, whatever its labels and names say."""
TIMEOUT_S = 10.0
PAGE = 500
PATCHES: Mapping[str, str] = {
    "merge": "application/merge-patch+json",  # RFC 7386
    "strategic": "application/strategic-merge-patch+json",
}
_CHANGED = re.compile(r"/(?:api|apis/[a-z0-9.]+)/v[a-z0-9]+/(?:namespaces/(?P<namespace>[^/]+)/[a-z]+(?:/[^/]+(?:/[a-z]+)?)?|nodes/[^/]+)")


class NoCluster(OSError):
    """The API server gave no usable answer."""


class ClusterRefused(NoCluster):
    """The API server refused the request; says which and why."""

    def __init__(self, message: str, status: int, reason: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason

    @property
    def missing(self) -> bool:
        """Whether there is no such object."""
        return self.status == httpx.codes.NOT_FOUND


class OutOfBounds(RuntimeError):
    """A change where the environment file allows none."""


def part(told: object, *keys: str) -> Object:
    """The object inside an object that these keys lead to; an empty one where there is none, or something else. Pure."""
    for key in keys:
        told = told.get(key) if isinstance(told, dict) else None
    return told if isinstance(told, dict) else {}


def objects(told: object) -> tuple[Object, ...]:
    """The objects of a list; those of another form are left out. Pure."""
    return tuple(each for each in told if isinstance(each, dict)) if isinstance(told, list) else ()


def path(kind: str, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
    """The path of objects of a kind, as ``v1/pods`` or ``apps/v1/statefulsets``. Names are quoted: they cannot change the request.

    Pure. Raises :class:`OutOfBounds` for a name that no object can have.
    """
    if {name, namespace} & {".", ".."}:
        raise OutOfBounds(f"{name or namespace!r} is no name of an object")
    group, _, plural = kind.rpartition("/")
    parts = [
        "/api" if "/" not in group else "/apis",
        group,
        *(("namespaces", quote(namespace, safe="")) if namespace is not None else ()),
        plural,
    ]
    return "/".join([*parts, *(quote(each, safe="") for each in (name, subresource) if each)])


class ClusterApi:
    """One cluster's API, for changes in these namespaces and on nodes."""

    def __init__(self, access: ClusterAccess, namespaces: Collection[str], timeout_s: float = TIMEOUT_S) -> None:
        self._access, self._namespaces = access, frozenset(namespaces)
        self._client = httpx.Client(
            base_url=access.server,
            verify=access.context,
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
            proxy=access.proxy,
            headers={"User-Agent": "closeshave"},
        )

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def read(self, at: str) -> Object:
        """One object. Raises :class:`NoCluster`; :class:`ClusterRefused` if there is none."""
        return self._ask("GET", at)

    def found(self, at: str) -> Object | None:
        """One object; ``None`` if there is none. Raises :class:`NoCluster`."""
        try:
            return self._ask("GET", at)
        except ClusterRefused as error:
            if error.missing:
                return None
            raise

    def listed(self, at: str, labels: str = "", fields: str = "") -> tuple[Object, ...]:
        """All objects below a path that have these labels and fields. Raises :class:`NoCluster`."""
        return tuple(self._pages(at, {"labelSelector": labels, "fieldSelector": fields}))

    def may(self, verb: str, group: str, resource: str, namespace: str | None, name: str = "") -> bool:
        """Whether this account may do that, as the cluster itself decides it; nothing is changed. Raises :class:`NoCluster`."""
        wanted, _, subresource = resource.partition("/")
        asked = {"verb": verb, "group": group, "resource": wanted, "subresource": subresource, "namespace": namespace or "", "name": name}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": asked}}
        told = self._ask("POST", path("authorization.k8s.io/v1/selfsubjectaccessreviews"), body)
        return part(told, "status").get("allowed") is True

    def create(self, at: str, body: Object) -> Object:
        """Create an object. Raises :class:`NoCluster` and :class:`OutOfBounds`."""
        return self._ask("POST", self._bounded(at), body)

    def patch(self, at: str, body: Object, way: Literal["merge", "strategic"] = "merge") -> Object:
        """Change an object. Raises :class:`NoCluster` and :class:`OutOfBounds`."""
        return self._ask("PATCH", self._bounded(at), body, PATCHES[way])

    def delete(self, at: str, *, uid: str = "", grace_s: int | None = None) -> bool:
        """Delete an object, of this UID if one is given; whether there was one. Raises :class:`NoCluster` and :class:`OutOfBounds`."""
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
        options |= {"preconditions": {"uid": uid}} if uid else {}
        options |= {} if grace_s is None else {"gracePeriodSeconds": grace_s}
        try:
            self._ask("DELETE", self._bounded(at), options)
        except ClusterRefused as error:
            # Another object of that name: the one that was meant is gone.
            if error.missing or (uid and error.status == httpx.codes.CONFLICT):
                return False
            raise
        return True

    def _bounded(self, at: str) -> str:
        match = _CHANGED.fullmatch(at)
        if match is None or (match["namespace"] is not None and match["namespace"] not in self._namespaces):
            raise OutOfBounds(f"{at} may not be changed: only nodes, and objects in {', '.join(sorted(self._namespaces))}")
        return at

    def _pages(self, at: str, asked: Mapping[str, str]) -> Iterator[Object]:
        query = {"limit": str(PAGE), **{key: value for key, value in asked.items() if value}}
        while True:
            told = self._ask("GET", at, query=query)
            yield from objects(told.get("items"))
            onward = part(told, "metadata").get("continue")
            if not isinstance(onward, str) or not onward:
                return
            query["continue"] = onward

    def _ask(
        self, method: str, at: str, body: Object | None = None, sort: str = "application/json", query: Mapping[str, str] | None = None
    ) -> Object:
        try:
            token = self._access.token()
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            headers |= {"Content-Type": sort} if body is not None else {}
            answer = self._client.request(method, at, json=body, headers=headers, params=query)
        except NoAccess as error:
            raise NoCluster(str(error)) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            # Not the error's own text: it may repeat a header.
            raise NoCluster(f"{self._access.server} gave no answer to {method} {at}: {type(error).__name__}") from None
        try:
            told = foreign.loads(answer.content)
        except ValueError:
            told = None
        if not answer.is_success:
            said = part(told)
            raise ClusterRefused(
                f"{method} {at} answers {answer.status_code}: {str(said.get('message', ''))[:300] or 'without a reason'}",
                answer.status_code,
                str(said.get("reason", "")),
            )
        if not isinstance(told, dict):
            raise NoCluster(f"{method} {at} answers {answer.status_code} without an object")
        return told


@contextmanager
def opened(access: ClusterAccess, namespaces: Collection[str]) -> Iterator[ClusterApi]:
    """A client that is closed at the end of the block."""
    api = ClusterApi(access, namespaces)
    try:
        yield api
    finally:
        api.close()
