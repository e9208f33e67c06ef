"""Faults that are open at the same time: which of them may be healed together, and which may be why a heal is not proven yet."""

from __future__ import annotations

from collections.abc import Sequence

from closeshave.faults.ledger import Ledger, OpenFault
from closeshave.history import FaultEdge
from closeshave.scope import parts
from closeshave.topology import Topology


def apart(standing: Sequence[OpenFault], topology: Topology) -> list[list[OpenFault]]:
    """Groups of faults that touch different parts and can be healed at the same time; within a group one after the other, in order. Pure."""
    groups: list[tuple[frozenset[str], list[OpenFault]]] = []
    for fault in standing:
        touched = _touched(fault, topology)
        joined = [group for group in groups if group[0] & touched]
        groups = [group for group in groups if not group[0] & touched]
        faults = [each for _, members in joined for each in members]
        groups.append((touched.union(*(parts for parts, _ in joined)), [*faults, fault]))
    order = {fault.fault: place for place, fault in enumerate(standing)}
    return [sorted(faults, key=lambda fault: order[fault.fault]) for _, faults in groups]


def others_in_effect(ledger: Ledger, healing: OpenFault, topology: Topology, at_ns: int) -> bool:
    """Whether another fault, on other parts, is still in effect: it may be why something is not healthy yet."""
    mine = _touched(healing, topology)
    others = (other for other in ledger.open() if other.fault != healing.fault and other.edge != FaultEdge.HEALED)
    return any(not other.expired(at_ns) and not _touched(other, topology) & mine for other in others)


def _touched(fault: OpenFault, topology: Topology) -> frozenset[str]:
    return parts(fault.undo.kind, fault.undo.scope, topology)
