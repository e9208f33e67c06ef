"""Faults of a region: everything in one failure domain."""

from __future__ import annotations

from closeshave.deployment import Process
from closeshave.faults import proofs, repair
from closeshave.faults.killing import kill, whole
from closeshave.faults.kind import Aim, Injection, Kind, Parameter, Proof, Say, Sighting
from closeshave.faults.parts import patroni, ports, postgres, sentinel
from closeshave.faults.shard import unfit as shard_unfit
from closeshave.plan import Expected

SWITCH_BACK = Parameter("switch_back", bool, default=True, about="Healing moves every primary back to its declared member.")
ROLES_S = 3.0
"""Time to read the roles of all shards and tiers, and all process IDs, before the strike."""
STARTERS_FIRST = ("patroni",)
"""Roles that start others when those die: they die first."""


def region_of(aim: Aim) -> str:
    """The region that a fault is aimed at."""
    return str(aim.scope["region"])


def owned(aim: Aim) -> tuple[Process, ...]:
    """Every process inside the region's failure domain, those that start others first."""
    return tuple(sorted(aim.deployment.owned_by(region_of(aim)), key=lambda process: process.role not in STARTERS_FIRST))


def shards_touched(aim: Aim) -> tuple[int, ...]:
    """The shards that have a member in the region."""
    return tuple(sorted({member.shard for member in aim.deployment.members if member.region == region_of(aim)}))


def groups_touched(aim: Aim) -> tuple[str, ...]:
    """The store groups that have a store in the region."""
    return tuple(dict.fromkeys(store.group for store in aim.deployment.stores if store.region == region_of(aim)))


def unfit(aim: Aim) -> str:
    """Not before every shard and group with a part in the region is whole: what is lost then is the region's loss alone."""
    if not owned(aim):
        return f"this environment has no region {region_of(aim)!r}"
    checks = [proofs.group(aim.deployment, group, at_home=False) for group in groups_touched(aim)]
    broken = [str(proof) for proof in proofs.together(checks) if not proof.holds]
    shards = [Aim(aim.deployment, {"shard": shard}, {}) for shard in shards_touched(aim)]
    return "; ".join([*broken, *filter(None, map(shard_unfit, shards))])


def inject_lost(aim: Aim, strike_ns: int) -> Injection:
    """Kill every process of the region by SIGKILL at once, PostgreSQL's children included."""
    leads = (*_leading_members(aim), *_leading_stores(aim))
    done = kill(whole(aim.deployment, owned(aim)), strike_ns)
    return Injection(aim.label, done.touched, done.began_ns, done.dead_ns, tuple(process.name for process in owned(aim)), leads)


def look_lost(aim: Aim, injection: Injection) -> Sighting | None:
    """Connect to every port of the region: all refuse."""
    listening = [port for process in owned(aim) if process.name in injection.targets for port in process.ports]
    if not listening or any(not ports.refusal(port) for port in listening):
        return None
    return Sighting(f"TCP to the {len(listening)} ports of {region_of(aim)}", "every connection is refused")


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Start every process of the region in order, wait until shards and tiers are whole, switch roles back."""
    done = repair.revive(aim.deployment, [process.name for process in owned(aim)], deadline_ns, say)
    for group in groups_touched(aim):
        repair.link_stores(aim.deployment, group, deadline_ns)
    if aim.parameters["switch_back"]:
        for shard in shards_touched(aim):
            done += repair.shard_home(aim.deployment, shard, deadline_ns, say)
        for group in groups_touched(aim):
            done += repair.group_home(aim.deployment, group, deadline_ns, say)
    return done


def prove(aim: Aim) -> tuple[Proof, ...]:
    """Everything of the region runs, and what it is a part of is whole again, up to the customers' door."""
    at_home = bool(aim.parameters["switch_back"])
    deployment = aim.deployment
    return proofs.together(
        [
            proofs.running(deployment, [process.name for process in owned(aim)]),
            proofs.etcd(deployment),
            *(proofs.shard(deployment, shard, at_home=at_home) for shard in shards_touched(aim)),
            *(proofs.group(deployment, group, at_home=at_home) for group in groups_touched(aim)),
            proofs.applications(deployment),
            proofs.doors(deployment, shards_touched(aim)),
        ]
    )


def _leading_members(aim: Aim) -> list[str]:
    found = []
    for shard in shards_touched(aim):
        lead = patroni.leader(aim.deployment, shard)
        if lead.region == region_of(aim) and not postgres.standing(aim.deployment, lead).in_recovery:
            found.append(lead.process)
    return found


def _leading_stores(aim: Aim) -> list[str]:
    leads = [sentinel.primary(aim.deployment, group) for group in groups_touched(aim)]
    return [lead.process for lead in leads if lead.region == region_of(aim)]


LOST = Kind(
    name="region.lost",
    does="Kills every process of the region by SIGKILL at once: applications, proxies, databases, stores, its etcd member and sentinel.",
    observed_by="Connections to every port of the region are refused.",
    undone_by="Starts every process again in order and switches roles back; proven by writes, replication, sentinels, etcd, edges.",
    scope=("region",),
    parameters=(SWITCH_BACK,),
    expected=Expected.RECOVERS,
    unfit=unfit,
    inject=inject_lost,
    look=look_lost,
    undo=undo,
    prove=prove,
    lead_s=lambda _aim: ROLES_S,
    healed_within_s=120.0,
)
KINDS = (LOST,)
