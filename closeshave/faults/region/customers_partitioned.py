"""A region that its customers cannot reach because the edges are cut off its network; the region itself is healthy and reaches the others."""

from __future__ import annotations

from closeshave.clients import edges
from closeshave.deployment import Process
from closeshave.faults import cutting
from closeshave.faults.cutting import Cut
from closeshave.faults.kind import Aim, Kind, NotSeen, Proof, Say
from closeshave.faults.region import domain
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected


def unfit(aim: Aim) -> str:
    """Unfit if edges and regions share a network, or while the region is not healthy."""
    return cutting.unfit(_cuts(aim)) or domain.unfit(aim)


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Take the edges off the region's own network."""
    return cutting.inject(aim, _cuts(aim), strike_ns)


def look(aim: Aim, _injection: Injection) -> Sighting | NotSeen:
    """Read the edges' own statistics: every endpoint reports the region as down."""
    region = domain.name_of(aim)
    said = {edge.region: edges.reaches(edge, region) for edge in aim.deployment.edges}
    if not said or not all(status.startswith("DOWN") for status in said.values()):
        told = ", ".join(f"the endpoint {endpoint} says that {region} is {status}" for endpoint, status in said.items())
        return NotSeen(told or "there is no endpoint")
    return Sighting(f"the statistics of the endpoints {', '.join(said)}", f"{region} is {', '.join(dict.fromkeys(said.values()))}")


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Put the edges back on the region's network, then as for every fault of a region."""
    return (*cutting.rejoin(_edges(aim), say), *domain.undo(aim, deadline_ns, say))


def prove(aim: Aim) -> tuple[Proof, ...]:
    """The edges are on all their networks and every one leads to its own region, which is healthy."""
    return (cutting.joined(_edges(aim)), *domain.prove(aim))


def _edges(aim: Aim) -> tuple[Process, ...]:
    return tuple(process for process in aim.deployment.processes if process.role == "edge")


def _cuts(aim: Aim) -> tuple[Cut, ...]:
    return cutting.cuts(_edges(aim), cutting.networks_of(aim.deployment, "region", region=domain.name_of(aim)))


KIND = Kind(
    name="region.customers-partitioned",
    hold_s=30,
    does="Disconnects the edges from the region's network, so that none of them reaches its applications; region.customers-cut uses toxics.",
    observed_by="Every edge reports the region as down in its own statistics.",
    undone_by="Connects the edges again with the same addresses; proven by the engine and by every edge leading to its own region.",
    scope=("region",),
    expected=Expected.RECOVERS,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    observed_within_s=10.0,
    healed_within_s=domain.HEAL_WITHIN_S,
    environments=frozenset({"containers"}),
    needs=cutting.NETWORKS,
)
