"""Environment files of kind ``kubernetes``: all that a remote platform has, and the cluster on which it runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Literal

from closeshave import cluster as clusters
from closeshave.cluster import Cluster
from closeshave.environments.hooks import Location
from closeshave.environments.remote.definition import Remote
from closeshave.files.yamlfile import STRICT


@dataclass(frozen=True, slots=True)
class Kubernetes(Remote):
    """A platform on a Kubernetes cluster that the harness does not run."""

    __pydantic_config__ = STRICT

    kind: Literal["kubernetes"]  # type: ignore[assignment] # another word in the same place: the file says which class it is
    """A platform on a Kubernetes cluster: used as a remote one, and broken through the cluster's API, without hooks."""
    cluster: Cluster = field(kw_only=True)
    """Which cluster it runs on, what may be changed there, and which pods are which part."""

    @property
    def identity(self) -> tuple[object, ...]:
        """The cluster and what may be changed there."""
        return (self.cluster.uid, self.cluster.namespaces, self.cluster.nodes_at_once > 0)

    @property
    def platform(self) -> Remote:
        """The same without its cluster."""
        return Remote(**{each.name: getattr(self, each.name) for each in fields(Remote)} | {"kind": "remote"})


def inconsistencies(definition: Kubernetes) -> Iterator[tuple[Location, str]]:
    """What is wrong with the cluster of a well-formed definition: where, and what would be right."""
    shards = tuple(shard.id for shard in definition.topology.shards)
    yield from ((("cluster", *place), said) for place, said in clusters.wrong(definition.cluster, shards, tuple(definition.regions)))
