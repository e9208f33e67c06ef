"""The lease of a cluster (``coordination.k8s.io/v1``): at most one harness works there, and everybody sees whether it still lives.

Nobody compares clocks: as in Kubernetes' own leader election, a lease counts as over when it was watched for its length and did not change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from closeshave.clients.kubernetes import ClusterApi, ClusterRefused, Object, part, path

LEASES = "coordination.k8s.io/v1/leases"
NAME = "closeshave"
LENGTH_S = 30
RENEW_S = 5.0
"""A lease that is renewed this often outlives an API server that is away for a quarter of a minute."""
LONGEST_S = 3600
CONFLICT = 409


class LeaseHeld(RuntimeError):
    """Another harness holds the lease; the message says which."""


@dataclass(frozen=True, slots=True)
class LeaseSeen:
    """A lease as it was read."""

    holder: str
    """Empty: nobody holds it."""
    version: str
    """Changes with every renewal."""
    length_s: float


def read(api: ClusterApi, namespace: str) -> LeaseSeen | None:
    """The lease; ``None`` if nobody ever took it. Raises :class:`closeshave.clients.kubernetes.NoCluster`."""
    told = api.found(path(LEASES, namespace, NAME))
    return None if told is None else seen(told)


def seen(told: Object) -> LeaseSeen:
    """A lease from the API's answer: one that says nothing of its length counts for the usual one. Pure."""
    about, spec = part(told, "metadata"), part(told, "spec")
    length = spec.get("leaseDurationSeconds")
    known = float(length) if type(length) is int and 0 < length <= LONGEST_S else float(LENGTH_S)
    return LeaseSeen(str(spec.get("holderIdentity") or ""), str(about.get("resourceVersion", "")), known)


def take(api: ClusterApi, namespace: str, holder: str, watched: LeaseSeen | None = None) -> LeaseSeen:
    """Take the lease for ``holder``. ``watched``: a lease that was watched for its length and has not changed since, so that it is over.

    Raises :class:`LeaseHeld` and :class:`closeshave.clients.kubernetes.NoCluster`.
    """
    now = read(api, namespace)
    if now is not None and now.holder not in {"", holder} and (watched is None or watched.version != now.version):
        raise LeaseHeld(now.holder)
    try:
        if now is None:
            body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": NAME, "namespace": namespace}}
            return seen(api.create(path(LEASES, namespace), {**body, "spec": _spec(holder, taken=True)}))
        return _change(api, namespace, now, _spec(holder, taken=True))
    except ClusterRefused as error:
        if error.status == CONFLICT:
            raise LeaseHeld("another harness took it at the same time") from None
        raise


def renew(api: ClusterApi, namespace: str, holder: str) -> None:
    """Say that the holder lives. Raises :class:`LeaseHeld` if another one has taken it, and :class:`closeshave.clients.kubernetes.NoCluster`."""
    now = read(api, namespace)
    if now is None or now.holder != holder:
        raise LeaseHeld(now.holder if now and now.holder else "nobody")
    _change(api, namespace, now, _spec(holder, taken=False))


def release(api: ClusterApi, namespace: str, holder: str) -> None:
    """Let it go, if ``holder`` has it. Raises :class:`closeshave.clients.kubernetes.NoCluster`."""
    now = read(api, namespace)
    if now is not None and now.holder == holder:
        _change(api, namespace, now, {"holderIdentity": None})


def _change(api: ClusterApi, namespace: str, now: LeaseSeen, spec: dict[str, Any]) -> LeaseSeen:
    """Only if nobody else has changed it since it was read."""
    return seen(api.patch(path(LEASES, namespace, NAME), {"metadata": {"resourceVersion": now.version}, "spec": spec}))


def _spec(holder: str, *, taken: bool) -> dict[str, Any]:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"holderIdentity": holder, "leaseDurationSeconds": LENGTH_S, "renewTime": at} | ({"acquireTime": at} if taken else {})
