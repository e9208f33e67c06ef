"""What the kinds of moving a primary share: which members it concerns, and the proof of the move by PostgreSQL itself."""

from __future__ import annotations

from closeshave.clients import patroni, postgres
from closeshave.deployment import Deployment, Member
from closeshave.drills.kind import DrillFailed, DrillWork, Facts
from closeshave.faults.kind import Proof
from closeshave.faults.shard.cluster import shard_of, standbys

CHOOSE = "choose"


def choose(work: DrillWork) -> Facts:
    """Ask Patroni who leads, and take the first standby as the next primary."""
    try:
        lead = patroni.leader(work.aim.deployment, shard_of(work.aim))
        to = standbys(work.aim.deployment, lead)[0]
        return {"from": lead.process, "to": to.process, "timeline": postgres.leading_timeline(work.aim.deployment, lead)}
    except (patroni.NoLeader, postgres.Unavailable) as error:
        raise DrillFailed(f"shard {shard_of(work.aim)} has no primary that could be moved: {error}") from error


def rejoin(work: DrillWork) -> Facts:
    """Wait until Patroni sees the old primary follow the new one."""

    def missing() -> str:
        try:
            return patroni.unsettled(work.aim.deployment, shard_of(work.aim))
        except patroni.NoLeader as error:
            return str(error)

    work.until(missing, "the old primary does not follow the new one", 0.2)
    return {"standby": member(work, "from").process}


def proven(work: DrillWork) -> tuple[Proof, ...]:
    """Ask PostgreSQL on both members, not Patroni: who accepts a write, who is in recovery, and whether the write reached the standby."""
    deployment, new, old = work.aim.deployment, member(work, "to"), member(work, "from")
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


def member(work: DrillWork, which: str) -> Member:
    """The old primary (``from``) or the new one (``to``)."""
    name = work.facts[CHOOSE][which]
    return next(each for each in work.aim.deployment.members if each.process == name)
