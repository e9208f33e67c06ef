"""What is in a fault's scope, for judges, for the running trial and for healing. Pure.

A scope names a shard, a region, a tier, a process, or nothing. A shard has one of three relations to it:

* *struck*: the fault may cost its data. The scope names the shard, or the region of its declared primary.
* *standing by*: the scope names only the region of a standby. Its customers are outside the scope, and judges compare them with themselves. But that
  standby is lost, or has become the primary: so a running trial does not stop because of their failed requests, and healing touches the shard.
* *untouched*: neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from closeshave.plan import Disruption, Fault
from closeshave.topology import Shard, Topology

TIERS = ("cache", "sessions", "ratelimit")
"""Tiers that serve requests."""
ALL_TIERS = (*TIERS, "broker")
STATELESS = frozenset({"service", "dependency", "worker", "websocket"})
"""Families of faults that are healed without a change of a database or a cache."""
BESIDE = frozenset({"restore.other-region"})
"""Kinds of drills that neither change nor need a shard that runs: only its backups."""


class Involvement(IntEnum):
    """How much a fault concerns a shard; a larger value means more."""

    UNTOUCHED = 0
    STANDING_BY = 1
    STRUCK = 2


def part(scope: Mapping[str, str | int], shard: Shard) -> Involvement:
    """How a scope concerns a shard; ``UNTOUCHED`` if it names neither shard nor region."""
    if "shard" in scope:
        return Involvement.STRUCK if shard.id == int(scope["shard"]) else Involvement.UNTOUCHED
    region = scope.get("region")
    if region == shard.home:
        return Involvement.STRUCK
    return Involvement.STANDING_BY if region in shard.standbys else Involvement.UNTOUCHED


def struck(fault: Disruption, topology: Topology) -> list[int]:
    """The shards whose data the fault may cost; none for a fault of a tier."""
    return [shard.id for shard in topology.shards if part(fault.scope, shard) is Involvement.STRUCK]


def concerned(drill: Disruption, topology: Topology) -> list[int]:
    """The shards whose customers a drill concerns: those of the shard or region that its scope names; all of them, for a tier or the whole environment."""
    return struck(drill, topology) if {"shard", "region"} & drill.scope.keys() else [shard.id for shard in topology.shards]


def holds(fault: Disruption, region: str, shard: int, topology: Topology) -> bool:
    """Whether requests that enter at ``region`` and concern ``shard`` are in the scope.

    A shard's scope is its franchises, at any region. A region's scope is the requests that enter there, and the shards at home there. The scope of a
    tier is everything, and so is a scope that this version does not know: leaving out an affected request would be the worse error.
    """
    by_shard = "shard" not in fault.scope or shard == int(fault.scope["shard"])
    lost = fault.scope.get("region", region)
    return by_shard and (region == lost or any(shard == each.id and each.home == lost for each in topology.shards))


def may_suffer(fault: Fault, region: str, shard: int, topology: Topology) -> bool:
    """Whether a running trial expects such requests to fail: they are in the scope, or only the shard's standby is."""
    if holds(fault, region, shard, topology):
        return True
    return any(shard == each.id and part(fault.scope, each) is Involvement.STANDING_BY for each in topology.shards)


def parts(kind: str, scope: Mapping[str, str | int], topology: Topology) -> frozenset[str]:
    """The parts that a fault and its healing, or a drill, affect, by name: ``shard 1``, ``tier cache``, ``region us-west-2``.

    The loss of a region affects its shards' members and, because a topology does not say where stores are, possibly every tier. A fault without a
    scope affects everything, unless its family is stateless.
    """
    family = kind.split(".", maxsplit=1)[0]
    named = {f"{key} {value}" for key, value in scope.items()}
    if kind in BESIDE:
        return frozenset(f"backups of {name}" for name in named)
    if not named:
        return frozenset({family}) if family in STATELESS else _everything(topology)
    if family == "shard" and "shard" not in scope:
        # A member of etcd: healing moves the primaries of all shards back to their declared regions.
        return frozenset(named | {f"shard {shard.id}" for shard in topology.shards})
    if family != "region":
        return frozenset(named)
    shards = {f"shard {shard.id}" for shard in topology.shards if part(scope, shard) is not Involvement.UNTOUCHED}
    return frozenset(named | shards | {f"tier {tier}" for tier in ALL_TIERS})


def meet(one: Disruption, other: Disruption, topology: Topology) -> frozenset[str]:
    """The parts that both affect: there, healing one would heal the other, or the other would prevent it. Empty when they may overlap."""
    return parts(one.kind, one.scope, topology) & parts(other.kind, other.scope, topology)


def _everything(topology: Topology) -> frozenset[str]:
    shards = {f"shard {shard.id}" for shard in topology.shards}
    regions = {f"region {region}" for region in topology.regions}
    return frozenset(shards | regions | {f"tier {tier}" for tier in ALL_TIERS} | STATELESS)


def scope_text(scope: Mapping[str, object]) -> str:
    """``shard 2`` or ``region us-west-2``, for messages."""
    return ", ".join(f"{key} {value}" for key, value in scope.items())
