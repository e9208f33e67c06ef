"""Which of the catalogue's kinds a cluster can have, and how each is carried out there."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from closeshave.faults.kind import Kind
from closeshave.faults.kubernetes import act, isolating, killing, nodes, squeezing
from closeshave.faults.kubernetes.act import ENVIRONMENT, Act

ACTS: Mapping[str, Act] = MappingProxyType(
    {
        "shard.primary-killed": killing.PRIMARY_KILLED,
        "shard.primary-partitioned": isolating.PRIMARY_PARTITIONED,
        "service.killed": killing.INSTANCE_KILLED,
        "service.cpu-squeezed": squeezing.CPU_SQUEEZED,
        "service.memory-squeezed": squeezing.MEMORY_SQUEEZED,
        "service.node-drained": nodes.NODE_DRAINED,
        "region.partitioned": isolating.REGION_PARTITIONED,
        "region.lost": nodes.REGION_LOST,
    }
)
"""By the kind's name."""


def bound(kind: Kind, environment: str | None) -> Kind:
    """The kind as a cluster has it, if it is one of a cluster's; else as it is."""
    return act.bind(kind, ACTS[kind.name]) if environment == ENVIRONMENT and kind.name in ACTS else kind


def environments(kind: Kind) -> frozenset[str]:
    """The kinds of environments on which a kind works, by whatever means."""
    return bound(kind, ENVIRONMENT).environments
