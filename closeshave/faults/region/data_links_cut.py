"""A region is cut off from the other regions' data, and they from its data; etcd, Patroni and Sentinel still reach it, so this is not a partition."""

from __future__ import annotations

from closeshave.faults import links
from closeshave.faults.kind import Kind
from closeshave.faults.linkfault import LinkFault
from closeshave.faults.region import domain, network
from closeshave.plan import Expected

FAULT = LinkFault(
    kind="region.data-links-cut",
    links=network.crossing,
    toxics=lambda _aim: links.SILENCE,
    shows=lambda _aim: links.silent,
    affected=domain.affected,
)
KIND = Kind(
    name=FAULT.kind,
    hold_s=30,
    does="Cuts the region's links to the others' databases and caches, theirs to its own, and replication between them; etcd, Patroni, "
    "Sentinel, the stores' own replication and the edges reach it as before.",
    observed_by="A request on each of those paths that is in use is not answered.",
    undone_by="Removes the toxics; proven by the servers' own lists, writes, streaming replicas and ready applications.",
    scope=("region",),
    parameters=(domain.SWITCH_BACK,),
    expected=Expected.DEGRADES,
    links=network.CROSSING,
    unfit=network.unfit,
    inject=FAULT.inject,
    look=FAULT.look,
    undo=FAULT.undo,
    prove=FAULT.prove,
    lead_s=lambda _aim: domain.ROLES_S,
    healed_within_s=domain.HEAL_WITHIN_S,
)
