"""A shard's primary is lost while automatic failover is off, and an operator makes the standby the primary."""

from __future__ import annotations

import contextlib

from closeshave.clients import patroni
from closeshave.clock import now_ns
from closeshave.drills.database.moved import CHOOSE, choose, member, proven, rejoin
from closeshave.drills.kind import DrillDisturbed, DrillFailed, DrillKind, DrillStep, DrillWork, Facts
from closeshave.faults import repair
from closeshave.faults.killing import kill, victims_of
from closeshave.faults.kind import Aim, Proof, Say
from closeshave.faults.shard import cluster
from closeshave.faults.shard.cluster import SWITCH_BACK, shard_of, unfit
from closeshave.faults.waiting import until
from closeshave.history import TIMED

PAUSE, LOSE, FAIL_OVER, RETURN, REJOIN = (
    "switch automatic failover off",
    "lose the primary",
    "fail over",
    "start the old primary",
    "wait for the old primary",
)


def pause(work: DrillWork) -> Facts:
    """Pause the shard's cluster, and wait until every member says so."""
    deployment, shard = work.aim.deployment, shard_of(work.aim)
    try:
        patroni.pause(deployment, shard, on=True)
    except patroni.NoLeader as error:
        raise DrillDisturbed(str(error)) from error
    everyone = {each.process for each in patroni.members_of(deployment, shard)}

    def unaware() -> str:
        return ", ".join(sorted(everyone - set(patroni.paused(deployment, shard))))

    work.until(unaware, "not every member has paused", 0.2)
    return {"paused": ", ".join(sorted(everyone))}


def lose(work: DrillWork) -> Facts:
    """Kill the primary's node: Patroni and PostgreSQL. From here on the shard takes no write until the failover."""
    old = member(work, "from")
    done = kill(victims_of(work.aim.deployment, [work.aim.deployment.process(old.process)]), now_ns())
    return {"killed": ", ".join(map(str, done.touched)), TIMED: True}


def fail_over(work: DrillWork) -> Facts:
    """Request the failover from the standby's Patroni, until it leads: it refuses while the lost primary still holds its lease."""
    new, said = member(work, "to"), ""
    if patroni.says_primary(new):
        raise DrillFailed(f"{new.process} became the primary by itself, although automatic failover was off")

    def follows() -> str:
        nonlocal said
        if patroni.says_primary(new):
            return ""
        try:
            said = patroni.failover(new).strip()
        except patroni.Unavailable as error:
            return f"{type(error).__name__}: {error}"
        return "" if patroni.says_primary(new) else said

    work.until(follows, f"{new.process} did not become the primary", 0.5)
    return {"answer": said}


def start(work: DrillWork) -> Facts:
    """Switch automatic failover on again, and start the old primary, which must follow."""
    deployment, old = work.aim.deployment, member(work, "from")
    try:
        patroni.pause(deployment, shard_of(work.aim), on=False)
    except patroni.NoLeader as error:
        raise DrillFailed(f"automatic failover could not be switched on again: {error}") from error
    return {"started": ", ".join(repair.revive(deployment, [old.process], work.deadline_ns, work.say))}


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Switch automatic failover on, where no member answers after starting them, then as after a killed primary."""
    done = _resumed(aim)
    if not done:
        done = repair.revive(aim.deployment, [process.name for process in cluster.processes_of(aim)], deadline_ns, say)
        until(lambda: bool(_resumed(aim)), deadline_ns, 0.5)
    return (*done, *cluster.undo(aim, deadline_ns, say))


def _resumed(aim: Aim) -> tuple[str, ...]:
    with contextlib.suppress(patroni.NoLeader):
        patroni.pause(aim.deployment, shard_of(aim), on=False)
        return ("switched automatic failover on",)
    return ()


def safe(aim: Aim) -> tuple[Proof, ...]:
    """As after a killed primary, and no member is paused."""

    def active() -> Proof:
        found = patroni.paused(aim.deployment, shard_of(aim))
        return Proof("automatic failover is on", not found, f"paused: {', '.join(found)}" if found else "no member is paused")

    return cluster.prove(aim, active)


KIND = DrillKind(
    name="database.failover-manual",
    does="Switches automatic failover off, kills the node of the shard's primary, makes the standby the primary by hand, switches automatic failover on "
    "again and starts the old primary, which must follow. Its duration counts from the loss of the primary.",
    proven_by="PostgreSQL itself on both members: the new primary accepts a write on a new timeline; the old one is in recovery and receives that write.",
    put_back_by="Switches automatic failover on, runs every member, switches back to the declared primary; proven by Patroni's members, a write, "
    "streaming replicas, roles, ready applications.",
    scope=("shard",),
    steps=(
        DrillStep(CHOOSE, choose),
        DrillStep(PAUSE, pause),
        DrillStep(LOSE, lose),
        DrillStep(FAIL_OVER, fail_over),
        DrillStep(RETURN, start),
        DrillStep(REJOIN, rejoin),
    ),
    unfit=unfit,
    prove=proven,
    undo=undo,
    safe=safe,
    parameters=(SWITCH_BACK,),
    uses=("standby",),
)
