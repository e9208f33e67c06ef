"""A verified base backup of every shard is made before the first instance is replaced, and then a release is deployed."""

from __future__ import annotations

import re
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

from closeshave.control import processes
from closeshave.deployment import BackupServer, load
from closeshave.drills import backups, base_backup
from closeshave.drills.backups import BaseBackup
from closeshave.drills.deploy import rolling
from closeshave.drills.deploy.releases import deploy_kind, roll_back, unfit_for_any
from closeshave.drills.kind import DrillFailed, DrillOverdue, DrillStep, DrillWork, Facts
from closeshave.drills.restore.steps import log_received, verify
from closeshave.faults.kind import Aim, Proof, Say
from closeshave.faults.waiting import left_s

BACK_UP, CHECK = "back up", "check the backups"
LABEL = "backup_label"
_STARTED = re.compile(r"^START TIME: (.+) UTC$", re.MULTILINE)
"""In the label that PostgreSQL writes into a base backup: when it was begun, by the database's clock in whole seconds."""
WITHIN_S = 120.0
"""For one base backup."""


def unfit(aim: Aim) -> str:
    """Unfit also until every shard's backup server runs."""
    for shard in aim.deployment.topology.shards:
        server = backups.server_of(aim.deployment, shard.id)
        if server is None:
            return f"shard {shard.id} has no backup server here"
        if not backups.runs(aim.deployment, server):
            return f"{server.process} does not run"
    return unfit_for_any(aim)


def back_up(work: DrillWork) -> Facts:
    """Make a base backup of every shard by its backup server."""
    made: dict[str, str | float] = {"began_s": round(time.time(), 3)}
    for server in work.aim.deployment.backups:
        name = _next(server)
        work.say(f"{server.process} makes the base backup {name}")
        try:
            base_backup.take(work.aim.deployment, server, Path(server.bases, name), min(WITHIN_S, left_s(work.deadline_ns)))
        except DrillOverdue:
            raise
        except DrillFailed as error:
            raise DrillFailed(f"no base backup of shard {server.shard} could be made, so nothing was deployed: {error}") from error
        made[f"shard {server.shard}"] = name
    return made


def check(work: DrillWork) -> Facts:
    """Compare every base backup with the checksums of its manifest, and look for a gap in its log."""
    for server in work.aim.deployment.backups:
        # Without its log until after its end a base backup is worth nothing.
        log_received(work, server)
        verify(work, server, _made(work, server))
    return {"verified": len(work.aim.deployment.backups)}


def proven(work: DrillWork) -> tuple[Proof, ...]:
    """By the labels in the backups and the process table: each was begun in this drill and finished before the first process of the new release began."""
    deployment = load(Path(work.aim.deployment.root))
    began = [
        identity.started
        for app in deployment.processes
        if app.role == "app" and (identity := processes.find(Path(deployment.root), app)) is not None
    ]
    return (*rolling.proven(work), *(_before(work, server, min(began, default=0.0)) for server in deployment.backups))


def put_back(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """As for every deploy; and base backups that were not finished are removed. Finished ones stay: they are good ones more."""
    removed = []
    for server in aim.deployment.backups:
        for directory in Path(server.bases).glob("*"):
            if not (directory / backups.MANIFEST).exists():
                shutil.rmtree(directory, ignore_errors=True)
                removed.append(f"removed the unfinished base backup {directory.name} of shard {server.shard}")
    return (*removed, *roll_back(aim, deadline_ns, say))


def _next(server: BackupServer) -> str:
    """The name of its next base backup: one more than the highest."""
    there = [int(path.name) for path in Path(server.bases).glob("*") if path.name.isdecimal()]
    return f"{max(there, default=0) + 1:06d}"


def _made(work: DrillWork, server: BackupServer) -> BaseBackup:
    name = str(work.facts[BACK_UP][f"shard {server.shard}"])
    made = next((base for base in backups.bases(server) if base.name == name), None)
    if made is None:
        raise DrillFailed(
            f"the base backup {name} of shard {server.shard} is not there, or its manifest cannot be read; nothing was deployed"
        )
    return made


def _before(work: DrillWork, server: BackupServer, first_s: float) -> Proof:
    what = f"a base backup of shard {server.shard} was begun in this drill and finished before the first new process began"
    directory = Path(server.bases, str(work.facts[BACK_UP][f"shard {server.shard}"]))
    try:
        told = _STARTED.search((directory / LABEL).read_text(encoding="utf-8"))
        finished_s = (directory / backups.MANIFEST).stat().st_mtime
    except OSError as error:
        return Proof(what, holds=False, saw=str(error))
    if told is None:
        return Proof(what, holds=False, saw=f"its {LABEL} does not say when it was begun")
    begun_s = datetime.fromisoformat(told[1]).replace(tzinfo=UTC).timestamp()
    drill_s = float(str(work.facts[BACK_UP]["began_s"]))
    holds = drill_s - 1 <= begun_s <= finished_s <= first_s
    return Proof(
        what, holds, f"begun {begun_s - drill_s:+.0f} s after the drill, finished {first_s - finished_s:.1f} s before that process"
    )


KIND = deploy_kind(
    "deploy.backup-first",
    "Makes a base backup of every shard and verifies it, and only then deploys a release, one instance after another.",
    "The labels in the backups and the process table: every backup was finished before the first process of the release began. Requests through every "
    "region's edge: all answers name the new version. Every instance has a new process.",
    (DrillStep(BACK_UP, back_up), DrillStep(CHECK, check), DrillStep(rolling.ROLL, rolling.roll_out)),
    proven,
    unfit=unfit,
    undo=put_back,
    uses=("backups",),
)
