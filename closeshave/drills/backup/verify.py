"""Everything that a backup server keeps is examined, and one of its backups, drawn at random, is restored."""

from __future__ import annotations

import random
import time

from closeshave.drills import backups, incremental, restored_server
from closeshave.drills.backups import BaseBackup
from closeshave.drills.kind import DrillFailed, DrillKind, DrillStep, DrillWork, Facts
from closeshave.drills.restore import steps
from closeshave.drills.restore.steps import CHOOSE, COPY, RECOVER
from closeshave.faults.kind import Aim, Parameter, Proof, Say
from closeshave.faults.shard.cluster import shard_of
from closeshave.faults.waiting import left_s
from closeshave.plurals import counted

CATALOGUE, TAKE, CHECK = "read the catalogue", "take an incremental backup", "check every backup"
KEPT = Parameter("kept", int, default=1, about="So many complete base backups must be there.", at_least=1, at_most=1000)
REACH = Parameter(
    "reach",
    int,
    default=0,
    about="A restore to this many seconds ago must be possible: the oldest base backup must be older. 0: not asked.",
    at_least=0,
    at_most=315_360_000,
)


def catalogue(work: DrillWork) -> Facts:
    """Count the complete base backups, and compare the oldest one with what is promised."""
    found = backups.bases(steps.server_of(work))
    if lacking := promised(found, int(work.aim.parameters[KEPT.name]), int(work.aim.parameters[REACH.name]), time.time_ns()):
        raise DrillFailed(lacking)
    return {"complete": len(found), "oldest": steps.told(found[0].ended_ns), "newest": steps.told(found[-1].ended_ns)}


def promised(found: tuple[BaseBackup, ...], kept: int, reach_s: int, now_ns: int) -> str:
    """What these base backups, the oldest first, lack of a promised retention, as a clause; empty when they keep it. Pure."""
    if len(found) < max(1, kept):
        there = counted(len(found), "complete base backup is", "complete base backups are")
        return f"{there} there, but {counted(max(1, kept), 'is', 'are')} promised"
    age_s = (now_ns - found[0].ended_ns) / 1e9
    return (
        f"the oldest base backup was finished {age_s:,.0f} s ago, but a restore to {reach_s:,} s ago is promised" if age_s < reach_s else ""
    )


def take(work: DrillWork) -> Facts:
    """Take an incremental base backup on the newest full one."""
    server = steps.server_of(work)
    base = backups.bases(server)[-1]
    incremental.take(work.aim.deployment, server, base, left_s(work.deadline_ns))
    return {"on": base.name}


def check(work: DrillWork) -> Facts:
    """Compare every backup with the checksums of its manifest, and look for a gap in the log since the oldest one."""
    server = steps.server_of(work)
    found = backups.bases(server)
    if not found:
        raise DrillFailed("the base backups are not there any more")
    for base in found:
        steps.intact(work, f"base backup {base.name}", base.directory)
    steps.intact(work, "the incremental base backup", incremental.place(server))
    if gap := backups.gap(server, found[0]):
        raise DrillFailed(gap)
    return {"checked": len(found) + 1}


def choose(work: DrillWork) -> Facts:
    """Draw one of the backups, the incremental one too. What was acknowledged until now and is not in the log yet is the loss."""
    chosen = steps.instants(work, None)
    full = [base.name for base in backups.bases(steps.server_of(work))]
    drawn = random.Random(f"{work.id} {chosen['target_wall_ns']}").choice([*full, incremental.NAME])  # noqa: S311 - not for a secret
    return {**chosen, "drawn": drawn, "base": str(work.facts[TAKE]["on"]) if drawn == incremental.NAME else drawn}


def copy(work: DrillWork) -> Facts:
    """Copy the drawn backup beside the running members; an incremental one is combined with its full one."""
    if work.facts[CHOOSE]["drawn"] != incremental.NAME:
        return steps.copy(work)
    incremental.combine(work.aim.deployment, steps.server_of(work), steps.base_of(work), left_s(work.deadline_ns))
    return {"to": restored_server.name_of(shard_of(work.aim))}


def unfit(aim: Aim) -> str:
    """Unfit as a restore is, and while an incremental backup of an earlier drill is left."""
    if reason := steps.unfit(aim):
        return reason
    server = backups.server_of(aim.deployment, shard_of(aim))
    left = incremental.gone(server) if server is not None else None
    return left.saw if left is not None and not left.holds else ""


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """End the restored database, and remove its files and the incremental backup."""
    server = backups.server_of(aim.deployment, shard_of(aim))
    return (*steps.undo(aim, deadline_ns, say), *(incremental.remove(server) if server is not None else ()))


def safe(aim: Aim) -> tuple[Proof, ...]:
    """Nothing of the drill is left, and the running shard serves."""
    server = backups.server_of(aim.deployment, shard_of(aim))
    return (*steps.safe(aim), *((incremental.gone(server),) if server is not None else ()))


KIND = DrillKind(
    name="backup.verify",
    does="Examines all that the backup server of a shard keeps: as many base backups as promised, every one by its checksums, an incremental one that is "
    "taken now, the log without a gap. Then it restores one of them, drawn at random, beside the running shard.",
    proven_by="SQL to the restored database: it accepts a write, and its bookings are read. What was acknowledged before it and is missing is lost.",
    put_back_by="Ends the restored database, removes its files and the incremental backup; proven by all being gone, and a write and streaming replicas "
    "of the running shard.",
    scope=("shard",),
    steps=(
        DrillStep(CATALOGUE, catalogue),
        DrillStep(TAKE, take),
        DrillStep(CHECK, check),
        DrillStep(CHOOSE, choose),
        DrillStep(COPY, copy),
        DrillStep(RECOVER, steps.recover),
    ),
    unfit=unfit,
    prove=steps.proven,
    undo=undo,
    safe=safe,
    parameters=(KEPT, REACH),
    uses=("backups", "rows"),
    proven_within_s=20.0,
)
