"""What is in a fault's scope: one answer for judges, for the running trial and for healing. Pure.

A scope names a shard, a region, a tier, a process, or nothing. For a shard there are three answers:

* *struck*: the fault may cost its data. The scope names the shard, or the region of its declared primary.
* *standing by*: the scope names only the region of its standby. Its customers are outside the scope, and judges compare them with themselves. But its
  standby is lost, or has become the primary: so a running trial does not stop because of their failed requests, and healing touches the shard.
* *untouched*: neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from closeshave.plan import Fault
from closeshave.topology import Shard, Topology

TIERS = ("cache", "sessions", "ratelimit")
STATELESS = frozenset({"service", "dependency"})
"""Families whose faults are healed without touching a database or a cache."""


class Part(IntEnum):
    """What a fault has to do with a shard; the larger the more."""

    UNTOUCHED = 0
    STANDING_BY = 1
    STRUCK = 2


def part(scope: Mapping[str, str | int], shard: Shard) -> Part:
    """What a fault of this scope has to do with a shard; of what names neither shard nor region: nothing with its data."""
    if "shard" in scope:
        return Part.STRUCK if shard.id == int(scope["shard"]) else Part.UNTOUCHED
    region = scope.get("region")
    if region == shard.home:
        return Part.STRUCK
    return Part.STANDING_BY if region == shard.standby else Part.UNTOUCHED


def struck(fault: Fault, topology: Topology) -> list[int]:
    """The shards whose data the fault may cost; none for a fault of a tier."""
    return [shard.id for shard in topology.shards if part(fault.scope, shard) is Part.STRUCK]


def holds(fault: Fault, region: str, shard: int, topology: Topology) -> bool:
    """Whether what enters at ``region`` and concerns ``shard`` lies in the scope.

    A shard's scope is its franchises, at any region. A region's scope is what enters there, and the shards at home there. A tier serves everyone, and so
    does a scope that this version does not know: to leave out somebody who was affected would be the worse mistake.
    """
    by_shard = "shard" not in fault.scope or shard == int(fault.scope["shard"])
    lost = fault.scope.get("region", region)
    return by_shard and (region == lost or any(shard == each.id and each.home == lost for each in topology.shards))


def may_suffer(fault: Fault, region: str, shard: int, topology: Topology) -> bool:
    """Whether a running trial expects what enters there and concerns this shard to suffer: it lies in the scope, or the shard stands by there."""
    if holds(fault, region, shard, topology):
        return True
    return any(shard == each.id and part(fault.scope, each) is Part.STANDING_BY for each in topology.shards)


def parts(kind: str, scope: Mapping[str, str | int], topology: Topology) -> frozenset[str]:
    """The parts that a fault and its healing touch, by name: ``shard 1``, ``tier cache``, ``region us-west-2``.

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
    shards = {f"shard {shard.id}" for shard in topology.shards if part(scope, shard) is not Part.UNTOUCHED}
    return frozenset(named | shards | {f"tier {tier}" for tier in TIERS})


def meet(one: Fault, other: Fault, topology: Topology) -> frozenset[str]:
    """The parts that both touch: healing one of the faults would heal, or be kept from healing by, the other. Empty when they may overlap."""
    return parts(one.kind, one.scope, topology) & parts(other.kind, other.scope, topology)


def _everything(topology: Topology) -> frozenset[str]:
    shards = {f"shard {shard.id}" for shard in topology.shards}
    regions = {f"region {region}" for region in topology.regions}
    return frozenset(shards | regions | {f"tier {tier}" for tier in TIERS} | STATELESS)
