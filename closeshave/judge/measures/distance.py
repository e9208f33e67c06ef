"""How far a franchise is from a fault: in its scope, near it, or as far away as possible on this platform.

Distance is counted in shared failure domains. A shard is in two regions, its primary's and its standby's; a fault affects the regions of the shards that
it breaks and the region that it names. A franchise that shares one of them may be affected as expected (a lost replica, a detour of an edge). A franchise
that shares none has nothing in common with the fault except what the whole platform shares, and is the reference for all others.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from closeshave.judge.evidence.columns import one_of
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.timeline import shards_of
from closeshave.plan import Fault
from closeshave.topology import Shard


class Distance(IntEnum):
    """How far a shard's franchises are from a fault; a larger value is further."""

    INSIDE = 0
    NEAR = 1
    FAR = 2


def distances(evidence: Evidence, fault: Fault) -> dict[int, Distance]:
    """By shard. A fault that names neither shard nor region (a cache tier) has every franchise in its scope."""
    topology = evidence.history.manifest.topology
    if not {"shard", "region"} & fault.scope.keys():
        return {shard.id: Distance.INSIDE for shard in topology.shards}
    broken = set(shards_of(evidence, fault))
    domains = {region for shard in topology.shards if shard.id in broken for region in _domains(shard)}
    domains |= {str(fault.scope["region"])} if "region" in fault.scope else set()
    return {shard.id: Distance.INSIDE if shard.id in broken else _distance(shard, domains) for shard in topology.shards}


def furthest(found: dict[int, Distance]) -> list[int]:
    """The shards outside the scope that are furthest away; empty when all shards are in the scope."""
    most = max(found.values(), default=Distance.INSIDE)
    return sorted(shard for shard, distance in found.items() if distance == most) if most is not Distance.INSIDE else []


def outside(found: dict[int, Distance]) -> list[int]:
    """The shards outside the scope."""
    return sorted(shard for shard, distance in found.items() if distance is not Distance.INSIDE)


def _domains(shard: Shard) -> set[str]:
    return {shard.home, *shard.standbys}


def _distance(shard: Shard, domains: set[str]) -> Distance:
    return Distance.NEAR if _domains(shard) & domains else Distance.FAR


def of_shards(evidence: Evidence, shards: list[int]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Operations that concern any of these shards."""
    return one_of(evidence.shard, shards)
