"""A shard's primary alone is cut off: it runs, but can neither reach others nor be reached."""

from __future__ import annotations

from closeshave.clients import patroni
from closeshave.faults import cutting, divergence
from closeshave.faults.cutting import Cut
from closeshave.faults.kind import Aim, Kind, NotSeen, Proof, Say
from closeshave.faults.shard import cluster
from closeshave.faults.shard.cluster import ROLES_S, SWITCH_BACK, named, processes_of, shard_of, standbys
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected


def unfit(aim: Aim) -> str:
    """Unfit if everything shares one network; otherwise as for every fault of a shard."""
    return cutting.unfit(_cuts(aim)) or cluster.unfit(aim)


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Disconnect the live primary from its region's network and from the one between regions."""
    lead = patroni.leader(aim.deployment, shard_of(aim))
    cut = tuple(each for each in _cuts(aim) if each.process == lead.process)
    return cutting.inject(aim, cut, strike_ns, members=(lead.process,))


def look(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Ask the Patronis of the shard: the old primary's does not reach etcd any more, and the others' do."""
    cut = named(aim, injection.members)
    silent, others = patroni.out_of_touch(cut), [other for member in cut for other in standbys(aim.deployment, member)]
    if not cut:
        return NotSeen("no primary was cut off")
    if len(silent) < len(cut):
        return NotSeen(
            f"{', '.join(member.process for member in cut if member.process not in silent)} still reaches etcd, or does not answer"
        )
    if also := patroni.out_of_touch(others):
        return NotSeen(f"{', '.join(also)} of the other side does not reach etcd either")
    return Sighting(
        f"reported by the Patronis of {len(cut) + len(others)} members",
        f"{', '.join(silent)} has not reached etcd for {patroni.OUT_OF_TOUCH_S:g} s, {', '.join(other.process for other in others)} has",
    )


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Keep as evidence how the members' data differ, connect every member to its networks again; then as for every fault of a shard."""
    kept = divergence.keep(aim.deployment, [shard_of(aim)]) if not cutting.joined(processes_of(aim)).holds else ()
    return (*kept, *cutting.rejoin(processes_of(aim), say), *cluster.undo(aim, deadline_ns, say))


def prove(aim: Aim) -> tuple[Proof, ...]:
    """Every member is on its networks, and the shard is healthy."""
    return cluster.prove(aim, lambda: cutting.joined(processes_of(aim)))


def _cuts(aim: Aim) -> tuple[Cut, ...]:
    return cutting.cuts(processes_of(aim), cutting.networks_of(aim.deployment, "region", "wan"))


KIND = Kind(
    name="shard.primary-partitioned",
    hold_s=45,
    does="Disconnects the shard's live primary, Patroni and PostgreSQL, from every network that it shares with etcd, its standbys or clients.",
    observed_by="The old primary's Patroni reports that it does not reach etcd, and those of its standbys report that they do.",
    undone_by="Reconnects the networks with the same addresses and switches back; proven by the engine, a write, streaming replicas, roles.",
    scope=("shard",),
    parameters=(SWITCH_BACK,),
    # It must step down by itself before its lease expires, because then another node is promoted.
    expected=Expected.RECOVERS,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    lead_s=lambda _aim: ROLES_S,
    observed_within_s=15.0,
    environments=frozenset({"containers"}),
    needs=cutting.NETWORKS,
)
