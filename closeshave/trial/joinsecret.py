"""The join file as a Secret of a Kubernetes cluster, from which pods of load machines read it. Made for a run that is itself a pod there.

The Secret exists already: the run's account may change that one alone, and neither makes one nor lists any.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from closeshave.clients import kubeconfig, kubernetes
from closeshave.clients.kubeconfig import NoAccess
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.machines import joinfile
from closeshave.machines.master import MachinesFailed

OPTION = "--join-secret"
_NAMED = re.compile(r"([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)/([a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?)")


@dataclass(frozen=True, slots=True)
class JoinSecret:
    """A Secret that load machines read."""

    namespace: str
    name: str

    @property
    def at(self) -> str:
        """Its path in the API."""
        return kubernetes.path("v1/secrets", self.namespace, self.name)


def named(text: str) -> JoinSecret:
    """``NAMESPACE/NAME``. Raises :class:`InvalidFile`, also where this process runs in no pod."""
    found = _NAMED.fullmatch(text)
    if found is None:
        raise InvalidFile(Problem(OPTION, 0, "", f"{text!r} is not NAMESPACE/NAME of a Secret, like closeshave/closeshave-join"))
    try:
        kubeconfig.of(None)
    except NoAccess as error:
        raise InvalidFile(
            Problem(OPTION, 0, "", f"it is for a run in a pod of a Kubernetes cluster, and {error}; elsewhere use --join-file")
        ) from None
    return JoinSecret(found[1], found[2])


def publish(secret: JoinSecret, join: Path) -> None:
    """Write the join file into the Secret. Raises :class:`MachinesFailed`."""
    _patch(secret, {"stringData": {joinfile.FILE: join.read_text(encoding="utf-8")}})


def empty(secret: JoinSecret) -> None:
    """Remove it: the run is over, and nobody can join it any more. Raises :class:`MachinesFailed`."""
    _patch(secret, {"data": None})


def _patch(secret: JoinSecret, body: dict[str, object]) -> None:
    try:
        with kubernetes.opened(kubeconfig.of(None), [secret.namespace]) as api:
            api.patch(secret.at, body)
    except (NoAccess, kubernetes.NoCluster) as error:
        # What the API server says does not repeat what was sent.
        raise MachinesFailed(f"load machines cannot be told how to join: the Secret {secret.namespace}/{secret.name}: {error}") from None
