"""Takes a base backup of a shard on its backup server, by PostgreSQL's own tool, from the member that accepts writes."""

from __future__ import annotations

from pathlib import Path

from closeshave.deployment import BackupServer, Deployment
from closeshave.drills import restored_server
from closeshave.drills.kind import DrillFailed


def take(deployment: Deployment, server: BackupServer, place: Path, within_s: float, *options: str) -> None:
    """Take it, without the log, which the server receives anyway.

    Raises :class:`DrillFailed` with what the tool said, and what :func:`closeshave.drills.restored_server.command` raises.
    """
    program = deployment.programs.of_postgres("pg_basebackup")
    # As its receiver connects.
    address = deployment.process(server.process).argv[-1]
    argv = [program, "--pgdata", str(place), *options, "--wal-method", "none", "--checkpoint", "fast", "--no-sync", "--dbname", address]
    code, said = restored_server.command(deployment, argv, within_s)
    if code:
        raise DrillFailed(restored_server.first_error(said))
