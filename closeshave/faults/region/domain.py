"""What faults of a region share: its parts, the shards and tiers that these belong to, and the check that all of them are healthy."""

from __future__ import annotations

from closeshave.clients import leads as clients_leads
from closeshave.clients import patroni, postgres
from closeshave.deployment import Process
from closeshave.faults import proofs
from closeshave.faults.affected import Affected
from closeshave.faults.kind import Aim, Parameter, Proof, Say

SWITCH_BACK = Parameter("switch_back", bool, default=True, about="Healing moves every primary back to its declared member.")
ROLES_S = 3.0
"""Time to read the roles of all shards and tiers, and all process IDs, before the injection."""
HEAL_WITHIN_S = 120.0
STARTERS_FIRST = ("patroni",)
"""Roles whose processes start others again when those die: they are killed first."""


def name_of(aim: Aim) -> str:
    """The region that a fault is aimed at."""
    return str(aim.scope["region"])


def owned(aim: Aim) -> tuple[Process, ...]:
    """Every process of the region's failure domain; those that start others come first."""
    return tuple(sorted(aim.deployment.owned_by(name_of(aim)), key=lambda process: process.role not in STARTERS_FIRST))


def shards_of(aim: Aim) -> tuple[int, ...]:
    """The shards that have a member in the region."""
    return tuple(sorted({member.shard for member in aim.deployment.members if member.region == name_of(aim)}))


def groups_of(aim: Aim) -> tuple[str, ...]:
    """The store groups that have a store in the region."""
    return tuple(dict.fromkeys(store.group for store in aim.deployment.stores if store.region == name_of(aim)))


def leads_of(aim: Aim) -> tuple[str, ...]:
    """The processes of the region that lead a shard or a store group at this moment.

    Raises :class:`~closeshave.clients.patroni.NoLeader` and :class:`~closeshave.clients.sentinel.NoPrimary`.
    """
    here = name_of(aim)
    members = [patroni.leader(aim.deployment, shard) for shard in shards_of(aim)]
    own = [lead for lead in members if lead.region == here and not postgres.standing(aim.deployment, lead).in_recovery]
    stores = [lead for group in groups_of(aim) for lead in clients_leads.primaries(aim.deployment, group)]
    return (*(lead.process for lead in own), *(store.process for store in stores if store.region == here))


def affected(aim: Aim) -> Affected:
    """The processes of the region, and the shards and store groups with a member in it."""
    return Affected(aim.deployment, tuple(process.name for process in owned(aim)), groups_of(aim), shards_of(aim))


def unfit(aim: Aim) -> str:
    """Unfit until every shard and group with a member in the region is healthy, so that only the fault can cause a later loss."""
    return affected(aim).unfit() if owned(aim) else f"this environment has no region {name_of(aim)!r}"


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Start every process of the region in order, wait until shards and tiers are whole, switch roles back."""
    return affected(aim).mend(deadline_ns, say, at_home=bool(aim.parameters.get("switch_back", False)))


def prove(aim: Aim) -> tuple[Proof, ...]:
    """Everything of the region runs, and its shards, tiers and edges are healthy again."""
    return proofs.together(affected(aim).checks(at_home=bool(aim.parameters.get("switch_back", False))))
