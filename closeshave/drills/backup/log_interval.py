"""What it costs that the log is backed up only once in an interval: a restore just before it would be backed up again."""

from __future__ import annotations

import signal
from pathlib import Path

from closeshave.clients import patroni, postgres
from closeshave.control import processes
from closeshave.deployment import BackupServer, Deployment
from closeshave.drills import backups
from closeshave.drills.kind import DrillDisturbed, DrillKind, DrillStep, DrillWork, Facts
from closeshave.drills.restore import latest, steps
from closeshave.drills.restore.steps import CHECK, CHOOSE, COPY, RECOVER
from closeshave.faults.kind import Aim, Parameter, Proof, Say
from closeshave.faults.shard.cluster import shard_of
from closeshave.faults.waiting import after, left_s

HOLD = "hold the log back"
INTERVAL = Parameter(
    "interval",
    int,
    default=10,
    about="The backup server gets nothing of the log for this many seconds before the restore.",
    at_least=1,
    at_most=3600,
)
STANDS_FOR = Parameter(
    "stands_for",
    int,
    default=0,
    about="The interval in seconds of the platform that this one stands for, as evidence beside the figures: 900 s of which 10 s are tried. 0: itself.",
    at_least=0,
    at_most=604_800,
)


def hold(work: DrillWork) -> Facts:
    """Stop the receiver of the log for the interval: as between two backups of the log."""
    deployment, server = work.aim.deployment, steps.server_of(work)
    interval_s = float(work.aim.parameters[INTERVAL.name])
    if not processes.send(_receiver(deployment, server), signal.SIGSTOP):
        raise DrillDisturbed(f"{server.process} does not run")
    over_ns = after(interval_s)
    work.until(lambda: "the interval is not over" if left_s(over_ns) > 0 else "", "the interval is longer than the drill may take")
    stands_for = int(work.aim.parameters[STANDS_FOR.name]) or interval_s
    return {"interval_s": interval_s, "stands_for_s": stands_for, "scale": stands_for / interval_s}


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Let the receiver go on, and remove the restored database."""
    server = backups.server_of(aim.deployment, shard_of(aim))
    going = processes.send(_receiver(aim.deployment, server), signal.SIGCONT) if server is not None else []
    done = (f"resumed {server.process}",) if server is not None and going else ()
    return (*done, *steps.undo(aim, deadline_ns, say))


def safe(aim: Aim) -> tuple[Proof, ...]:
    """As after a restore, and the receiver receives."""
    return (*steps.safe(aim), _receives(aim))


def _receives(aim: Aim) -> Proof:
    shard = shard_of(aim)
    server, what = backups.server_of(aim.deployment, shard), f"the backup server of shard {shard} receives the log"
    if server is None:
        return Proof(what, False, "there is none")
    try:
        seen = postgres.receiving(aim.deployment, patroni.leader(aim.deployment, shard), server.process)
    except (patroni.NoLeader, postgres.Unavailable) as error:
        return Proof(what, False, postgres.first_line(error))
    return Proof(what, seen is not None, f"{seen[0]}, written up to {seen[1]}" if seen else f"{server.process} is not connected")


def _receiver(deployment: Deployment, server: BackupServer) -> tuple[processes.Identity, ...]:
    return tuple(processes.family(Path(deployment.root), deployment.process(server.process)))


KIND = DrillKind(
    name="backup.log-interval",
    does="Holds the log back from the backup server for an interval, and then restores the shard beside the running one from what arrived: the loss when "
    "a platform backs its log up once in that interval, and is lost just before the next time.",
    proven_by="SQL to the restored database: it accepts a write, and its bookings are read. What was acknowledged before it and is missing is lost.",
    put_back_by="Lets the receiver of the log go on, ends the restored database and removes its files; proven by the receiver being connected, both being "
    "gone, and a write and streaming replicas of the running shard.",
    scope=("shard",),
    steps=(
        DrillStep(HOLD, hold),
        DrillStep(CHOOSE, latest.choose),
        DrillStep(CHECK, steps.check),
        DrillStep(COPY, steps.copy),
        DrillStep(RECOVER, steps.recover),
    ),
    unfit=steps.unfit,
    prove=steps.proven,
    undo=undo,
    safe=safe,
    parameters=(INTERVAL, STANDS_FOR),
    uses=("backups", "rows"),
    proven_within_s=20.0,
)
