"""A region that its customers cannot reach, while everything else can."""

from __future__ import annotations

from closeshave.faults import links
from closeshave.faults.kind import Kind
from closeshave.faults.linkfault import LinkFault
from closeshave.faults.region import domain, network
from closeshave.plan import Expected

FAULT = LinkFault(
    kind="region.customers-cut",
    links=network.ingress,
    toxics=lambda _aim: links.SILENCE,
    shows=lambda _aim: links.silent,
    affected=domain.affected,
)
KIND = Kind(
    name=FAULT.kind,
    hold_s=30,
    does="Drops all traffic from every edge to the region's applications; the region itself is healthy and reaches the others.",
    observed_by="A request on that path, which the edges keep using, is not answered.",
    undone_by="Removes the toxics; proven by the servers' own lists and by every edge leading to its own region.",
    scope=("region",),
    expected=Expected.RECOVERS,
    links=("ingress",),
    unfit=network.unfit,
    inject=FAULT.inject,
    look=FAULT.look,
    undo=FAULT.undo,
    prove=FAULT.prove,
    healed_within_s=domain.HEAL_WITHIN_S,
)
