"""Which parts of an environment a fault and its healing touch, so that two faults overlap only where healing one does not heal the other. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from closeshave.plan import Fault
from closeshave.topology import Topology

TIERS = ("cache", "sessions", "ratelimit")
STATELESS = frozenset({"service", "dependency"})
"""Families whose faults are healed without touching a database or a cache."""


def parts(kind: str, scope: Mapping[str, str | int], topology: Topology) -> frozenset[str]:
    """The parts by name: ``shard 1``, ``tier cache``, ``region us-west-2``.

    A region's loss takes its shards' members and, as a topology does not tell where stores are, perhaps some of every tier. A fault without a
    scope takes everything, unless it is one of a stateless family.
    """
    family = kind.split(".", maxsplit=1)[0]
    named = {f"{key} {value}" for key, value in scope.items()}
    if not named:
        return frozenset({family}) if family in STATELESS else _everything(topology)
    if family == "shard" and "shard" not in scope:
        # A member of etcd: healing puts the primaries of all shards back where they are declared.
        return frozenset(named | {f"shard {shard.id}" for shard in topology.shards})
    if family != "region":
        return frozenset(named)
    region = scope.get("region")
    shards = {f"shard {shard.id}" for shard in topology.shards if region in {shard.home, shard.standby}}
    return frozenset(named | shards | {f"tier {tier}" for tier in TIERS})


def meet(one: Fault, other: Fault, topology: Topology) -> frozenset[str]:
    """The parts that both touch: healing one of the faults would heal, or be kept from healing by, the other. Empty when they may overlap."""
    return parts(one.kind, one.scope, topology) & parts(other.kind, other.scope, topology)


def _everything(topology: Topology) -> frozenset[str]:
    shards = {f"shard {shard.id}" for shard in topology.shards}
    regions = {f"region {region}" for region in topology.regions}
    return frozenset(shards | regions | {f"tier {tier}" for tier in TIERS} | STATELESS)
