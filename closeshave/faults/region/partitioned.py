"""A region is cut off from the others: its customers and its own parts still reach each other, but nothing passes between it and the other regions."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

from closeshave.clients import patroni, wire
from closeshave.deployment import Link
from closeshave.faults import cutting, divergence, proofs
from closeshave.faults.cutting import Cut
from closeshave.faults.kind import Aim, Kind, NotSeen, Proof, Say
from closeshave.faults.region import domain, network
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected

WRITING = "-primary"
"""The end of the name of a link to a shard's primary. A link for reads is soon answered again, by the region's own demoted primary."""
UNANSWERED_S = 0.3
AT_ONCE = 16


def unfit(aim: Aim) -> str:
    """Unfit if regions share a network, or while the region and its shards and tiers are not healthy."""
    return cutting.unfit(_cuts(aim)) or domain.unfit(aim)


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Disconnect all processes of the region from the network between the regions, at once."""
    crossing = (link for link in network.crossing(aim) if link.region == domain.name_of(aim))
    outward = [link.name for link in crossing if link.kind == "app-cache" or link.name.endswith(WRITING)]
    return cutting.inject(aim, _cuts(aim), strike_ns, members=domain.leads_of(aim), links=outward)


def look(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Ask the parts: the Patronis of one side do not reach etcd any more, and no request from inside to outside is answered."""
    silent = _out_of_touch(aim)
    links = [link for link in aim.deployment.links if link.name in injection.links]
    if not silent:
        return NotSeen("the Patronis of both sides reach etcd, or do not answer")
    if _answered(links):
        return NotSeen(f"{', '.join(silent)} have not reached etcd for {patroni.OUT_OF_TOUCH_S:g} s, but a request across is answered")
    said = (
        f"{', '.join(silent)} have not reached etcd for {patroni.OUT_OF_TOUCH_S:g} s, and none of {len(links)} requests across is answered"
    )
    return Sighting(f"reported by Patroni itself; {', '.join(link.name for link in links) or 'no link leads across'}", said)


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Keep as evidence how the two sides' data differ, join the networks, then as for every fault of a region."""
    kept = divergence.keep(aim.deployment, domain.shards_of(aim)) if not cutting.joined(domain.owned(aim)).holds else ()
    return (*kept, *cutting.rejoin(domain.owned(aim), say), *domain.undo(aim, deadline_ns, say))


def prove(aim: Aim) -> tuple[Proof, ...]:
    """All processes are on their networks, every Patroni reaches etcd, and the region and its shards and tiers are healthy."""
    return (cutting.joined(domain.owned(aim)), proofs.patronis_reach_etcd(aim.deployment)(), *domain.prove(aim))


def _cuts(aim: Aim) -> tuple[Cut, ...]:
    return cutting.cuts(domain.owned(aim), cutting.networks_of(aim.deployment, "wan"))


def _out_of_touch(aim: Aim) -> list[str]:
    """The members of the side that has lost etcd; empty when both sides still reach it."""
    here = domain.name_of(aim)
    inside = [member for member in aim.deployment.members if member.region == here]
    outside = [member for member in aim.deployment.members if member.region != here]
    return next((names for side in (inside, outside) if len(names := patroni.out_of_touch(side)) == len(side) > 0), [])


def _answered(links: Collection[Link]) -> bool:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return any(reply.saw == wire.ANSWERED for reply in pool.map(lambda link: wire.through(link, UNANSWERED_S), links))


KIND = Kind(
    name="region.partitioned",
    hold_s=60,
    does="Cuts every connection between the region and the others, including etcd, Patroni and Sentinel; its customers still reach it.",
    observed_by="The Patronis of one side report that they do not reach etcd, and no request on the region's links to the others is answered.",
    undone_by="Reconnects the networks with the same addresses and switches back; proven by the engine, Patroni, writes, replication, edges.",
    scope=("region",),
    parameters=(domain.SWITCH_BACK,),
    expected=Expected.RECOVERS,
    links=("app-database", "app-cache"),
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    lead_s=lambda _aim: domain.ROLES_S,
    observed_within_s=15.0,
    healed_within_s=domain.HEAL_WITHIN_S,
    environments=frozenset({"containers"}),
    needs=cutting.NETWORKS,
)
