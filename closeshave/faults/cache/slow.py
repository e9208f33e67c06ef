"""A tier that answers late, but does answer."""

from __future__ import annotations

from closeshave.clients.toxiproxy import Toxic
from closeshave.deployment import Link
from closeshave.faults import links
from closeshave.faults.cache import tier
from closeshave.faults.kind import Aim, Kind, Parameter
from closeshave.faults.linkfault import LinkFault
from closeshave.plan import Expected

LATENCY_MS = Parameter("latency_ms", int, default=50, about="Delay of every answer of the tier, in milliseconds.", at_least=1)


def ways(aim: Aim) -> tuple[Link, ...]:
    """Every region's links to the tier."""
    return tuple(link for link in aim.deployment.links if link.kind == "app-cache" and link.tier == tier.name_of(aim))


def latency_s(aim: Aim) -> float:
    """How much later answers come."""
    return int(aim.parameters["latency_ms"]) / 1e3


FAULT = LinkFault(
    kind="cache.slow",
    links=ways,
    toxics=lambda aim: (Toxic("latency", {"latency": int(aim.parameters["latency_ms"])}),),
    shows=lambda aim: links.late(latency_s(aim)),
    affected=tier.affected,
    timeout_s=lambda aim: latency_s(aim) + links.PATIENCE_S,
)


def unfit(aim: Aim) -> str:
    """Unfit if no link can be disturbed, or while the tier is not healthy. The nodes of a cluster are reached without links."""
    return links.unfit(aim.deployment) or tier.unfit_in_cluster(aim)


KIND = Kind(
    name=FAULT.kind,
    does="Delays every answer of the tier, by a latency toxic on each region's links to it.",
    observed_by="A PING through each of those links that is in use is answered late.",
    undone_by="Removes the toxics; proven by the servers' own lists, a write, links and ready applications.",
    scope=("tier",),
    parameters=(LATENCY_MS,),
    expected=Expected.DEGRADES,
    links=("app-cache",),
    uses=("sentinels",),
    unfit=unfit,
    inject=FAULT.inject,
    look=FAULT.look,
    undo=FAULT.undo,
    prove=FAULT.prove,
    healed_within_s=tier.HEAL_WITHIN_S,
)
