"""The links of a region: its own, and those through which it and the other regions reach each other's data."""

from __future__ import annotations

from closeshave.clients import patroni, sentinel
from closeshave.deployment import LINK_KINDS, Link, LinkKind
from closeshave.faults import links
from closeshave.faults.kind import Aim, Kind, Parameter
from closeshave.faults.linkfault import LinkFault
from closeshave.faults.region import domain
from closeshave.plan import Expected

CROSSING: tuple[LinkKind, ...] = ("app-database", "app-cache", "replication")
"""Kinds of links that may lead from one region to another."""


def kind_of(fault: LinkFault, does: str, observed_by: str, *parameters: Parameter, kinds: tuple[LinkKind, ...] = LINK_KINDS) -> Kind:
    """A kind of fault that disturbs a region's links to data, its own or others'; what differs from the usual is replaced in it."""
    return Kind(
        name=fault.kind,
        does=does,
        observed_by=observed_by,
        undone_by="Removes the toxics; proven by the servers' own lists, writes, streaming replicas and ready applications.",
        scope=("region",),
        expected=Expected.DEGRADES,
        unfit=unfit,
        inject=fault.inject,
        look=fault.look,
        undo=fault.undo,
        prove=fault.prove,
        parameters=(*parameters, domain.SWITCH_BACK),
        links=kinds,
        lead_s=lambda _aim: domain.ROLES_S,
        healed_within_s=domain.HEAL_WITHIN_S,
        hold_s=30,
    )


def unfit(aim: Aim) -> str:
    """Unfit if no link can be disturbed, or while the region is not healthy."""
    return links.unfit(aim.deployment) or domain.unfit(aim)


def ingress(aim: Aim) -> tuple[Link, ...]:
    """The links through which every edge reaches the region's applications."""
    return tuple(link for link in aim.deployment.links if link.kind == "ingress" and link.region == domain.name_of(aim))


def all_of(aim: Aim) -> tuple[Link, ...]:
    """All links of the region's own proxy, and those from other regions to its data."""
    own = (link for link in aim.deployment.links if link.region == domain.name_of(aim))
    return tuple(dict.fromkeys((*own, *crossing(aim))))


def crossing(aim: Aim) -> tuple[Link, ...]:
    """The links between applications and data, and between primaries and standbys, of which one end is in the region and the other is not.

    Current roles are read first. Raises :class:`~closeshave.clients.patroni.NoLeader` and
    :class:`~closeshave.clients.sentinel.NoPrimary`.
    """
    here, deployment = domain.name_of(aim), aim.deployment
    shards = sorted({member.shard for member in deployment.members})
    leads = {shard: patroni.leader(deployment, shard) for shard in shards}
    # The nodes of a cluster are reached without links.
    groups = {store.group: "" for store in deployment.stores if store.slots is None}
    groups = {group: sentinel.primary(deployment, group).region for group in groups}

    def far_ends(link: Link) -> set[str]:
        if link.kind == "app-cache":
            return {groups[link.name.removeprefix(f"{link.region}-")]}
        if link.shard is None:
            return set()
        members = patroni.members_of(deployment, link.shard)
        if link.kind == "replication":
            return {member.region for member in members}
        lead = leads[link.shard]
        return {lead.region} if link.name.endswith("-primary") else {member.region for member in members if member != lead}

    return tuple(link for link in deployment.links if any((link.region == here) != (end == here) for end in far_ends(link)))
