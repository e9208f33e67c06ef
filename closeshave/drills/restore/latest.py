"""A shard is restored as far as its log goes, as after the loss of all its members."""

from __future__ import annotations

from closeshave.drills.kind import DrillKind, DrillStep, DrillWork, Facts
from closeshave.drills.restore.steps import CHECK, CHOOSE, COPY, RECOVER, check, copy, instants, proven, recover, safe, undo, unfit


def choose(work: DrillWork) -> Facts:
    """Choose the newest base backup. What was acknowledged until now and is not in the log yet is the loss."""
    return instants(work, None)


KIND = DrillKind(
    name="restore.latest",
    does="Restores the shard beside the running one from its newest base backup and all of the log that its backup server has received.",
    proven_by="SQL to the restored database: it accepts a write, and its bookings are read. What was acknowledged before it and is missing is lost.",
    put_back_by="Ends the restored database and removes its files; proven by both being gone, and a write and streaming replicas of the running shard.",
    scope=("shard",),
    steps=(DrillStep(CHOOSE, choose), DrillStep(CHECK, check), DrillStep(COPY, copy), DrillStep(RECOVER, recover)),
    unfit=unfit,
    prove=proven,
    undo=undo,
    safe=safe,
    uses=("backups", "rows"),
    proven_within_s=20.0,
)
