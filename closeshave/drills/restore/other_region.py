"""A shard whose home region is lost is restored in the region of its backup server."""

from __future__ import annotations

from pathlib import Path

from closeshave.control import processes
from closeshave.deployment import Process
from closeshave.drills import backups, restored_server
from closeshave.drills.kind import DrillKind, DrillStep, DrillWork, Facts
from closeshave.drills.restore import steps
from closeshave.drills.restore.steps import CHECK, CHOOSE, COPY, RECOVER
from closeshave.faults.kind import Aim, Parameter, Proof
from closeshave.faults.shard.cluster import shard_of

BACK = Parameter(
    "back",
    int,
    default=0,
    about="The target: this many seconds before the drill begins, down to a whole second; it must be before the loss of the region. "
    "0: as far as the log goes.",
    at_most=3600,
)


def choose(work: DrillWork) -> Facts:
    """Choose the target and the base backup. Nobody can be asked to write more log: what arrived before the loss must reach the target."""
    return steps.instants(work, float(work.aim.parameters[BACK.name]) or None)


def unfit(aim: Aim) -> str:
    """Unfit until nothing runs in the home region of the shard. What lies elsewhere is what is tested, so nothing else of the shard has to run."""
    shard, deployment = shard_of(aim), aim.deployment
    server = backups.server_of(deployment, shard)
    if server is None:
        return f"shard {shard} has no backup server here"
    if not backups.runs(deployment, server):
        return f"{server.process} does not run"
    home = next(each.home for each in deployment.topology.shards if each.id == shard)
    if server.region == home:
        return f"the backup server of shard {shard} is in its home region {home}"
    if running := next((part.name for part in deployment.owned_by(home) if _runs(Path(deployment.root), part)), ""):
        return f"the home region {home} of shard {shard} is not lost: {running} runs; let the plan lose it before (region.lost)"
    left = restored_server.gone(deployment, shard)
    return "" if left.holds else left.saw


def safe(aim: Aim) -> tuple[Proof, ...]:
    """Nothing of the restored database is left. The running shard was not touched, and its region may still be lost."""
    return (restored_server.gone(aim.deployment, shard_of(aim)),)


def _runs(root: Path, part: Process) -> bool:
    """Whether it runs, or a server that it started: PostgreSQL may outlive its Patroni."""
    return processes.find(root, part) is not None or processes.daemon(root, part) is not None


KIND = DrillKind(
    name="restore.other-region",
    does="While the home region of a shard is lost, restores the shard in the region of its backup server, from its newest base backup and all of the log "
    "that arrived there, or as far as a chosen second. A plan loses the region before, by the fault `region.lost`.",
    proven_by="SQL to the restored database: it accepts a write, and its bookings are read. What was acknowledged before it and is missing is lost; "
    "of a chosen second, nothing may be missing.",
    put_back_by="Ends the restored database and removes its files; proven by both being gone.",
    scope=("shard",),
    steps=(DrillStep(CHOOSE, choose), DrillStep(CHECK, steps.check), DrillStep(COPY, steps.copy), DrillStep(RECOVER, steps.recover)),
    unfit=unfit,
    prove=steps.proven,
    undo=steps.undo,
    safe=safe,
    parameters=(BACK,),
    uses=("backups", "rows"),
    proven_within_s=20.0,
)
