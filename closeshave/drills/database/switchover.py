"""A shard's primary is moved to its standby by plan, as for maintenance, while customers are served."""

from __future__ import annotations

from closeshave.clients import patroni
from closeshave.drills.database.moved import CHOOSE, choose, member, proven, rejoin
from closeshave.drills.kind import DrillFailed, DrillKind, DrillStep, DrillWork, Facts
from closeshave.faults.shard.cluster import SWITCH_BACK, prove, shard_of, undo, unfit

SWITCH, REJOIN = "switch over", "wait for the old primary"


def switch_over(work: DrillWork) -> Facts:
    """Request the switchover from Patroni, which answers when the new primary leads."""
    try:
        answer = patroni.switchover(work.aim.deployment, shard_of(work.aim), member(work, "to"))
    except (patroni.NoLeader, patroni.Unavailable) as error:
        raise DrillFailed(f"Patroni did not switch over: {type(error).__name__}: {error}") from error
    return {"answer": answer.strip()}


KIND = DrillKind(
    name="database.switchover",
    does="Moves the shard's primary to its standby by Patroni's planned switchover, under load, and waits until the old primary follows.",
    proven_by="PostgreSQL itself on both members: the new primary accepts a write on a new timeline; the old one is in recovery and receives that write.",
    put_back_by="Switches back to the declared primary; proven by a write, streaming replicas, roles, ready applications.",
    scope=("shard",),
    steps=(DrillStep(CHOOSE, choose), DrillStep(SWITCH, switch_over), DrillStep(REJOIN, rejoin)),
    unfit=unfit,
    prove=proven,
    undo=undo,
    safe=prove,
    parameters=(SWITCH_BACK,),
    uses=("standby",),
)
