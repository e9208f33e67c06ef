"""A region is lost with all that it has stored, and built anew from what the others have."""

from __future__ import annotations

import time

from closeshave.clients import leads as leads_of
from closeshave.clients import patroni, sentinel
from closeshave.clock import now_ns
from closeshave.deployment import BackupServer, Deployment, Member
from closeshave.drills import backups, rebuilding, rebuilt
from closeshave.drills.kind import DrillDisturbed, DrillFailed, DrillKind, DrillStep, DrillWork, Facts
from closeshave.faults import proofs
from closeshave.faults.killing import kill, victims_of
from closeshave.faults.kind import Aim, Proof, Say
from closeshave.faults.region import domain
from closeshave.faults.waiting import after, left_s, until
from closeshave.history import TIMED

LOSE, FAIL_OVER, ETCD, START, COPY, BACK_UP = (
    "lose the region",
    "wait for the failovers",
    "join etcd again",
    "start every part",
    "copy the data",
    "back up again",
)
LOST_S = "lost_s"
BASE_WITHIN_S = 60.0
FAIL_OVER_WITHIN_S = 40.0


def lose(work: DrillWork) -> Facts:
    """Kill every process of the region, and remove what they have stored."""
    deployment, parts, lost_s = work.aim.deployment, domain.owned(work.aim), time.time()
    with rebuilding.emptying(deployment, domain.name_of(work.aim)):
        done = kill(victims_of(deployment, parts), now_ns())
        emptied = rebuilding.empty(deployment, parts)
    if kept := [member.process for member in _databases(work.aim) if member.process not in emptied]:
        raise DrillDisturbed(f"nothing was removed of {', '.join(kept)}, so that nothing would have to be built anew")
    return {"killed": len(done.touched), "removed": ", ".join(emptied), LOST_S: lost_s}


def fail_over(work: DrillWork) -> Facts:
    """Wait until the other regions lead, with the data: an empty primary that came back first would be copied. The duration counts from here on."""
    work.until(lambda: _leading(work.aim), "the other regions did not take over", 0.3)
    return {"shards": ", ".join(map(str, domain.shards_of(work.aim))), TIMED: True}


def _leading(aim: Aim) -> str:
    """Which parts of the region still lead a shard or a group of stores that other regions could; empty when none does."""
    deployment, here = aim.deployment, domain.name_of(aim)
    elsewhere = {store.group for store in deployment.stores if store.region != here}
    try:
        leads = [patroni.leader(deployment, shard) for shard in domain.shards_of(aim)]
        primaries = [lead for group in domain.groups_of(aim) if group in elsewhere for lead in leads_of.primaries(deployment, group)]
    except (patroni.NoLeader, sentinel.NoPrimary, sentinel.Unavailable) as error:
        return str(error)
    at = {**{lead.process: lead.region for lead in leads}, **{store.process: store.region for store in primaries}}
    return ", ".join(f"{process} still leads" for process, region in at.items() if region == here)


def join_etcd(work: DrillWork) -> Facts:
    """Add the region's member of etcd again, without data."""
    joined = rebuilding.rejoin_etcd(work.aim.deployment, domain.owned(work.aim))
    return {"joined": ", ".join(joined) or "this region has no member of etcd"}


def start(work: DrillWork) -> Facts:
    """Start all other parts in order."""
    return {"done": "; ".join(domain.affected(work.aim).mend(work.deadline_ns, work.say, at_home=False))}


def copy(work: DrillWork) -> Facts:
    """Wait until every database and store of the region has copied its primary, and the edges serve."""

    def missing() -> str:
        checks = domain.affected(work.aim).checks(at_home=False)
        return "; ".join(str(proof) for proof in proofs.together(checks) if not proof.holds)

    work.until(missing, "the region is not whole again", 0.5)
    return {"shards": ", ".join(map(str, domain.shards_of(work.aim)))}


def back_up(work: DrillWork) -> Facts:
    """Make the first base backup of every backup server in the region."""
    return {"base backups of": ", ".join(_backed_up(work.aim, work.deadline_ns)) or "no backup server is in this region"}


def _backed_up(aim: Aim, deadline_ns: int) -> tuple[str, ...]:
    lacking = [server for server in _servers(aim.deployment, domain.name_of(aim)) if not backups.bases(server)]
    for server in lacking:
        rebuilding.take_base(aim.deployment, server, min(BASE_WITHIN_S, left_s(deadline_ns)))
    return tuple(server.process for server in lacking)


def _servers(deployment: Deployment, region: str) -> tuple[BackupServer, ...]:
    return tuple(server for server in deployment.backups if server.region == region)


def proven(work: DrillWork) -> tuple[Proof, ...]:
    """Ask the rebuilt databases themselves: each has files and a server from after the loss, and has received what was just committed on its primary."""
    deployment, lost_s = work.aim.deployment, float(str(work.facts[LOSE][LOST_S]))
    members = _databases(work.aim)
    return (
        *(rebuilt.renewed(deployment, member, lost_s) for member in members),
        *(rebuilt.follows(deployment, member) for member in members),
        _keeps(deployment, domain.name_of(work.aim)),
    )


def _databases(aim: Aim) -> tuple[Member, ...]:
    return tuple(member for member in aim.deployment.members if member.region == domain.name_of(aim))


def _keeps(deployment: Deployment, region: str) -> Proof:
    lacking = [server.process for server in _servers(deployment, region) if not backups.bases(server)]
    return Proof(
        "every backup server of the region has a base backup", not lacking, f"none: {', '.join(lacking)}" if lacking else "all of them"
    )


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Go on with the rebuilding, whatever is done of it, and switch every role back to its declared member."""
    if rebuilding.finish_emptying(aim.deployment, domain.name_of(aim), domain.owned(aim)):
        until(lambda: not _leading(aim), min(deadline_ns, after(FAIL_OVER_WITHIN_S)), 0.5)
    joined = rebuilding.rejoin_etcd(aim.deployment, domain.owned(aim))
    done = domain.undo(aim, deadline_ns, say)
    try:
        backed_up = _backed_up(aim, deadline_ns)
    except (DrillFailed, DrillDisturbed):
        # Its proof says what is missing.
        backed_up = ()
    return (*(f"joined {name} to etcd again" for name in joined), *done, *(f"made a base backup of {name}" for name in backed_up))


def safe(aim: Aim) -> tuple[Proof, ...]:
    """Everything of the region runs, is healthy, and is backed up."""
    return (*domain.prove(aim), _keeps(aim.deployment, domain.name_of(aim)))


KIND = DrillKind(
    name="region.rebuild",
    does="Kills every process of the region and removes all that they have stored: databases, stores, its member of etcd, backups. When the others "
    "have taken over, builds it anew: etcd, caches and databases copy from them, and backups are made again. Its duration counts from the loss.",
    proven_by="SQL to the rebuilt databases: each has a server and files from after the loss, and has received a write that was just committed on its "
    "primary. Backup servers have base backups.",
    put_back_by="Goes on with the rebuilding and switches roles back; proven by writes, replication, sentinels, etcd, edges, base backups.",
    scope=("region",),
    steps=(
        DrillStep(LOSE, lose),
        DrillStep(FAIL_OVER, fail_over),
        DrillStep(ETCD, join_etcd),
        DrillStep(START, start),
        DrillStep(COPY, copy),
        DrillStep(BACK_UP, back_up),
    ),
    unfit=domain.unfit,
    prove=proven,
    undo=undo,
    safe=safe,
    parameters=(domain.SWITCH_BACK,),
    uses=("standby",),
    proven_within_s=20.0,
    put_back_within_s=domain.HEAL_WITHIN_S,
)
