"""A shard's primary is moved to its standby by plan, as for maintenance, while customers are served."""

from __future__ import annotations

from closeshave.clients import patroni, postgres
from closeshave.deployment import Deployment, Member
from closeshave.drills.kind import DrillFailed, DrillKind, DrillStep, DrillWork, Facts
from closeshave.faults.kind import Proof
from closeshave.faults.shard.cluster import SWITCH_BACK, prove, shard_of, standbys, undo, unfit

CHOOSE, SWITCH, REJOIN = "choose", "switch over", "wait for the old primary"


def choose(work: DrillWork) -> Facts:
    """Ask Patroni who leads, and take the first standby as the next primary."""
    try:
        lead = patroni.leader(work.aim.deployment, shard_of(work.aim))
        to = standbys(work.aim.deployment, lead)[0]
        return {"from": lead.process, "to": to.process, "timeline": postgres.leading_timeline(work.aim.deployment, lead)}
    except (patroni.NoLeader, postgres.Unavailable) as error:
        raise DrillFailed(f"shard {shard_of(work.aim)} has no primary that could be moved: {error}") from error


def switch_over(work: DrillWork) -> Facts:
    """Request the switchover from Patroni, which answers when the new primary leads."""
    try:
        answer = patroni.switchover(work.aim.deployment, shard_of(work.aim), _member(work, "to"))
    except (patroni.NoLeader, patroni.Unavailable) as error:
        raise DrillFailed(f"Patroni did not switch over: {type(error).__name__}: {error}") from error
    return {"answer": answer.strip()}


def rejoin(work: DrillWork) -> Facts:
    """Wait until Patroni sees the old primary follow the new one."""

    def missing() -> str:
        try:
            return patroni.unsettled(work.aim.deployment, shard_of(work.aim))
        except patroni.NoLeader as error:
            return str(error)

    work.until(missing, "the old primary does not follow the new one", 0.2)
    return {"standby": _member(work, "from").process}


def proven(work: DrillWork) -> tuple[Proof, ...]:
    """Ask PostgreSQL on both members, not Patroni: who accepts a write, who is in recovery, and whether the write reached the standby."""
    deployment, new, old = work.aim.deployment, _member(work, "to"), _member(work, "from")
    return (*_leads(deployment, new, int(work.facts[CHOOSE]["timeline"] or 0)), *_follows(deployment, old, new))


def _leads(deployment: Deployment, new: Member, before: int) -> tuple[Proof, ...]:
    accepts = f"{new.process} accepts a committed write"
    refused = postgres.refused_write(new.port, deployment.database, deployment.user)
    try:
        timeline = postgres.leading_timeline(deployment, new)
    except postgres.Unavailable as error:
        return (Proof(accepts, not refused, refused or "accepted"), Proof("it writes a new timeline", False, postgres.first_line(error)))
    saw = "it is in recovery" if timeline is None else f"timeline {timeline}, {before} before"
    return (
        Proof(accepts, not refused, refused or "accepted"),
        Proof("it writes a new timeline", timeline is not None and timeline > before, saw),
    )


def _follows(deployment: Deployment, old: Member, new: Member) -> tuple[Proof, ...]:
    follows = f"{old.process} is in recovery and has received that write"
    refuses = f"{old.process} refuses writes"
    try:
        position = postgres.write(deployment, new)
        standing = postgres.standing(deployment, old)
        received = postgres.received(deployment, old, position)
    except postgres.Unavailable as error:
        return (Proof(follows, False, postgres.first_line(error)),)
    refused = postgres.refused_write(old.port, deployment.database, deployment.user)
    saw = f"{'in recovery' if standing.in_recovery else 'not in recovery'}, {'has' if received else 'has not'} received {position}"
    return (Proof(follows, standing.in_recovery and received, saw), Proof(refuses, bool(refused), refused or "it accepted one"))


def _member(work: DrillWork, which: str) -> Member:
    name = work.facts[CHOOSE][which]
    return next(member for member in work.aim.deployment.members if member.process == name)


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
