"""Who leads a group of stores now: of one under Sentinel the primary that the sentinels name, of a cluster every primary that serves slots."""

from __future__ import annotations

from closeshave.clients import sentinel, valkey_cluster
from closeshave.deployment import Deployment, Store


def primaries(deployment: Deployment, group: str) -> tuple[Store, ...]:
    """The current primaries. Raises :class:`~closeshave.clients.sentinel.NoPrimary`."""
    if valkey_cluster.clustered(deployment, group):
        return tuple(valkey_cluster.leads(sentinel.stores_of(deployment, group)))
    return (sentinel.primary(deployment, group),)
