"""One more replica joins a shard, while customers are served."""

from __future__ import annotations

from closeshave.clients import patroni, postgres
from closeshave.deployment import Member
from closeshave.drills import added_member
from closeshave.drills.kind import DrillFailed, DrillKind, DrillStep, DrillWork, Facts
from closeshave.faults import proofs
from closeshave.faults.kind import Aim, Proof, Say
from closeshave.faults.shard import cluster
from closeshave.faults.shard.cluster import shard_of, standbys

CHOOSE, START, STREAM = "choose", "start the replica", "wait until it streams"


def choose(work: DrillWork) -> Facts:
    """Take the settings of the first standby."""
    try:
        return {"like": standbys(work.aim.deployment, patroni.leader(work.aim.deployment, shard_of(work.aim)))[0].process}
    except patroni.NoLeader as error:
        raise DrillFailed(f"shard {shard_of(work.aim)} has no primary that could be copied: {error}") from error


def start(work: DrillWork) -> Facts:
    """Start Patroni for it, which copies the primary."""
    like = next(each for each in work.aim.deployment.members if each.process == work.facts[CHOOSE]["like"])
    added = added_member.start(work.aim.deployment, like)
    return {"port": added.port, "api_port": added.api_port}


def stream(work: DrillWork) -> Facts:
    """Wait until the primary streams to it."""
    deployment, name = work.aim.deployment, added_member.name_of(shard_of(work.aim))

    def missing() -> str:
        try:
            seen = postgres.receiving(deployment, patroni.leader(deployment, shard_of(work.aim)), name)
        except (patroni.NoLeader, postgres.Unavailable) as error:
            return postgres.first_line(error)
        return "" if seen and seen[0] == "streaming" else f"{name} is {seen[0]}" if seen else f"{name} is not connected to the primary"

    work.until(missing, "the new replica does not stream", 0.2)
    return {"replica": name}


def proven(work: DrillWork) -> tuple[Proof, ...]:
    """Ask the replica itself: it is in recovery, refuses writes, and has received what was just committed on the primary."""
    deployment, added = work.aim.deployment, _added(work)
    follows, refuses = f"{added.name} is in recovery and has received a write", f"{added.name} refuses writes"
    try:
        position = postgres.write(deployment, patroni.leader(deployment, added.shard))
        standing, received = postgres.standing(deployment, added), postgres.received(deployment, added, position)
    except (patroni.NoLeader, postgres.Unavailable) as error:
        return (Proof(follows, False, postgres.first_line(error)),)
    refused = postgres.refused_write(added.port, deployment.database, deployment.user)
    saw = f"{'in recovery' if standing.in_recovery else 'not in recovery'}, {'has' if received else 'has not'} received {position}"
    return (Proof(follows, standing.in_recovery and received, saw), Proof(refuses, bool(refused), refused or "it accepted one"))


def _added(work: DrillWork) -> Member:
    shard = shard_of(work.aim)
    told, name = work.facts[START], added_member.name_of(shard)
    return Member(name, shard, "", int(str(told["port"])), int(str(told["api_port"])), name)


def unfit(aim: Aim) -> str:
    """Unfit as for the loss of a primary, and while a replica of an earlier drill is left."""
    if reason := cluster.unfit(aim):
        return reason
    left = added_member.gone(aim.deployment, shard_of(aim))
    return "" if left.holds else left.saw


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Remove the replica. The declared members were not touched."""
    return added_member.remove(aim.deployment, shard_of(aim), deadline_ns, say)


def safe(aim: Aim) -> tuple[Proof, ...]:
    """Nothing of the replica is left, and the shard serves as before."""
    return (added_member.gone(aim.deployment, shard_of(aim)), proofs.shard(aim.deployment, shard_of(aim), at_home=False)())


KIND = DrillKind(
    name="shard.add-replica",
    does="Starts one more member of the shard under Patroni: it copies the primary, and then follows it.",
    proven_by="SQL to the new replica itself: it is in recovery, refuses writes, and has received a write that was just committed on the primary.",
    put_back_by="Ends it, removes its files, and lets the members drop its replication slot; proven by all being gone, and a write and streaming replicas "
    "of the shard.",
    scope=("shard",),
    steps=(DrillStep(CHOOSE, choose), DrillStep(START, start), DrillStep(STREAM, stream)),
    unfit=unfit,
    prove=proven,
    undo=undo,
    safe=safe,
    uses=("standby",),
)
