"""Removes every container and network with an environment's label, even without a record of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from closeshave.control.engine.client import EngineFailed, asking, client
from closeshave.control.engine.containers import AT_ONCE
from closeshave.control.engine.labels import ENVIRONMENT

if TYPE_CHECKING:
    from docker.models.containers import Container
    from docker.models.networks import Network

ROUNDS = 3
"""Rounds: a container that was being created appears in the next one."""


def sweep(environment_id: str) -> list[str]:
    """Remove everything with this environment's label: containers in any state with their volumes, then networks.

    Returns what is left; empty when everything is removed. Raises :class:`EngineFailed` when the engine does not answer.
    """
    for _ in range(ROUNDS):
        containers, networks = _labelled(environment_id)
        if not containers and not networks:
            return []
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(_remove_container, containers))
            list(pool.map(_remove_network, networks))
    containers, networks = _labelled(environment_id)
    return [*(f"container {each.name}" for each in containers), *(f"network {each.name}" for each in networks)]


def _labelled(environment_id: str) -> tuple[list[Container], list[Network]]:
    chosen = {"label": f"{ENVIRONMENT}={environment_id}"}
    with asking("list its containers"):
        engine = client().client
        return engine.containers.list(all=True, filters=chosen, ignore_removed=True), engine.networks.list(filters=chosen)


# What cannot be removed is found by the next search.
def _remove_container(container: Container) -> None:
    with suppress(EngineFailed), asking(f"remove {container.name}"):
        container.remove(v=True, force=True)


def _remove_network(network: Network) -> None:
    with suppress(EngineFailed), asking(f"remove {network.name}"):
        network.remove()
