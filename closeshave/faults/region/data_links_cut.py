"""A region is cut off from the other regions' data, and they from its data; etcd, Patroni and Sentinel still reach it, so this is not a partition."""

from __future__ import annotations

from closeshave.faults import links
from closeshave.faults.linkfault import LinkFault
from closeshave.faults.region import domain, network

FAULT = LinkFault(
    kind="region.data-links-cut",
    links=network.crossing,
    toxics=lambda _aim: links.SILENCE,
    shows=lambda _aim: links.silent,
    affected=domain.affected,
)
KIND = network.kind_of(
    FAULT,
    does="Cuts the region's links to the others' databases and caches, theirs to its own, and replication between them; etcd, Patroni, "
    "Sentinel, the stores' own replication and the edges reach it as before.",
    observed_by="A request on each of those paths that is in use is not answered.",
    kinds=network.CROSSING,
)
