"""A region where everything takes longer."""

from __future__ import annotations

from closeshave.clients.toxiproxy import Toxic
from closeshave.deployment import LINK_KINDS
from closeshave.faults import links
from closeshave.faults.kind import Aim, Kind, Parameter
from closeshave.faults.linkfault import LinkFault
from closeshave.faults.region import domain, network
from closeshave.plan import Expected

LATENCY_MS = Parameter("latency_ms", int, default=50, about="Delay of every answer on each link, in milliseconds.", at_least=1)


def latency_s(aim: Aim) -> float:
    """How much later answers come."""
    return int(aim.parameters["latency_ms"]) / 1e3


FAULT = LinkFault(
    kind="region.slow",
    links=network.all_of,
    toxics=lambda aim: (Toxic("latency", {"latency": int(aim.parameters["latency_ms"])}),),
    shows=lambda aim: links.late(latency_s(aim)),
    affected=domain.affected,
    timeout_s=lambda aim: latency_s(aim) + links.PATIENCE_S,
)
KIND = Kind(
    name=FAULT.kind,
    hold_s=30,
    does="Delays every answer on all links of the region: its customers', its applications' and its standbys', and others' to its data.",
    observed_by="A request through each of those links that is in use is answered late.",
    undone_by="Removes the toxics; proven by the servers' own lists, writes, streaming replicas and ready applications.",
    scope=("region",),
    parameters=(LATENCY_MS, domain.SWITCH_BACK),
    expected=Expected.DEGRADES,
    links=LINK_KINDS,
    unfit=network.unfit,
    inject=FAULT.inject,
    look=FAULT.look,
    undo=FAULT.undo,
    prove=FAULT.prove,
    lead_s=lambda _aim: domain.ROLES_S,
    healed_within_s=domain.HEAL_WITHIN_S,
)
