"""A shard is restored as it was when its newest base backup was taken: what a platform has that keeps snapshots and no log."""

from __future__ import annotations

from closeshave.drills import restored_server
from closeshave.drills.kind import DrillKind, DrillStep, DrillWork, Facts
from closeshave.drills.restore import latest, steps
from closeshave.drills.restore.steps import CHECK, CHOOSE, COPY, RECOVER, proven, safe, undo, unfit


def recover(work: DrillWork) -> Facts:
    """Start PostgreSQL on the copy, and use of the log only what makes the copy consistent."""
    return steps.recovered_to(work, restored_server.AS_COPIED)


KIND = DrillKind(
    name="restore.snapshot",
    does="Restores the shard beside the running one as it was when its newest base backup was taken, without the log since.",
    proven_by="SQL to the restored database: it accepts a write, and its bookings are read. What was acknowledged before it and is missing is lost.",
    put_back_by="Ends the restored database and removes its files; proven by both being gone, and a write and streaming replicas of the running shard.",
    scope=("shard",),
    steps=(DrillStep(CHOOSE, latest.choose), DrillStep(CHECK, steps.check), DrillStep(COPY, steps.copy), DrillStep(RECOVER, recover)),
    unfit=unfit,
    prove=proven,
    undo=undo,
    safe=safe,
    uses=("backups", "rows"),
    proven_within_s=20.0,
)
