"""The links of a region: its own, and those through which it and the other regions reach each other's data."""

from __future__ import annotations

from closeshave.clients import patroni, sentinel
from closeshave.deployment import Link, LinkKind
from closeshave.faults import links
from closeshave.faults.kind import Aim
from closeshave.faults.region import domain

CROSSING: tuple[LinkKind, ...] = ("app-database", "app-cache", "replication")
"""Kinds of links that may lead from one region to another."""


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
    groups = {store.group: "" for store in deployment.stores}
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
