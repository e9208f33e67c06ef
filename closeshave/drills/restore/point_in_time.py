"""A shard is restored to a chosen second, beside the running one."""

from __future__ import annotations

from closeshave.drills.kind import DrillKind, DrillStep, DrillWork, Facts
from closeshave.drills.restore.steps import CHOOSE, STEPS, instants, proven, safe, undo, unfit
from closeshave.faults.kind import Parameter

BACK = Parameter(
    "back", int, default=5, about="The target: this many seconds before the drill begins, down to a whole second.", at_least=1, at_most=3600
)


def choose(work: DrillWork) -> Facts:
    """Choose the target and the base backup."""
    return instants(work, float(work.aim.parameters[BACK.name]))


KIND = DrillKind(
    name="restore.point-in-time",
    does="Restores the shard beside the running one to a chosen second, from its base backup and the log that its backup server received.",
    proven_by="SQL to the restored database: it accepts a write, and its bookings are read and compared with what customers were told up to that second.",
    put_back_by="Ends the restored database and removes its files; proven by both being gone, and a write and streaming replicas of the running shard.",
    scope=("shard",),
    steps=(DrillStep(CHOOSE, choose), *STEPS),
    unfit=unfit,
    prove=proven,
    undo=undo,
    safe=safe,
    parameters=(BACK,),
    uses=("backups", "rows"),
    proven_within_s=20.0,
)
