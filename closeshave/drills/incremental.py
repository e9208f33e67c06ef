"""An incremental base backup that a drill takes and removes again: what has changed since a full one, by PostgreSQL's own tools."""

from __future__ import annotations

import shutil
from pathlib import Path

from closeshave.deployment import BackupServer, Deployment
from closeshave.drills import backups, base_backup, restored_server
from closeshave.drills.backups import BaseBackup
from closeshave.drills.kind import DrillFailed
from closeshave.faults.kind import Proof

NAME = "incremental"


def place(server: BackupServer) -> Path:
    """Its directory on the backup server, apart from the full ones: none of it can be restored alone."""
    return Path(server.directory, NAME)


def take(deployment: Deployment, server: BackupServer, base: BaseBackup, within_s: float) -> None:
    """Take it from the shard's primary, on a full base backup. Raises :class:`DrillFailed` and what :func:`restored_server.command` raises."""
    try:
        base_backup.take(deployment, server, place(server), within_s, "--incremental", str(base.directory / backups.MANIFEST))
    except DrillFailed as error:
        # One that did not end in time says no more than that.
        raise type(error)(f"no incremental base backup can be taken on {base.name}: {error}") from error


def combine(deployment: Deployment, server: BackupServer, base: BaseBackup, within_s: float) -> None:
    """Make a full base backup of both, at the place of the restored database. Raises :class:`DrillFailed` and what its command raises."""
    argv = [
        deployment.programs.of_postgres("pg_combinebackup"),
        "--no-sync",
        "--output",
        str(restored_server.place(deployment, server.shard)),
        str(base.directory),
        str(place(server)),
    ]
    code, said = restored_server.command(deployment, argv, within_s)
    if code:
        raise DrillFailed(f"base backup {base.name} and the incremental one cannot be combined: {restored_server.first_error(said)}")


def remove(server: BackupServer) -> tuple[str, ...]:
    """Remove it; what was done. From any process and any number of times."""
    if not place(server).exists():
        return ()
    shutil.rmtree(place(server), ignore_errors=True)
    return (f"removed {place(server).name}",)


def gone(server: BackupServer) -> Proof:
    """Nothing of it is left."""
    there = place(server).exists()
    return Proof(
        f"nothing of an incremental base backup of shard {server.shard} is left", not there, str(place(server)) if there else "no files"
    )
