"""Backup servers by PostgreSQL's own tools: of each shard one, which receives the write-ahead log all the time and keeps base backups."""

from __future__ import annotations

from closeshave.deployment import BackupServer, Process
from closeshave.environments.servers import patroni
from closeshave.environments.site import SERVER_NICE, Site

ROLE = "backup"
SAYS_EVERY_S = 1


def servers(site: Site) -> tuple[BackupServer, ...]:
    """One for each shard that has the region of one; none in an environment without."""
    return tuple(
        BackupServer(process=name, shard=shard.id, region=shard.backup, directory=str(site.data(name)))
        for shard in site.definition.shards
        if (name := f"backup-shard{shard.id}-{shard.backup}") and shard.backup
    )


def processes(site: Site) -> tuple[Process, ...]:
    """The receivers of the log. Each finds its shard's primary by itself, and again after a failover."""
    return tuple(
        Process(
            name=server.process,
            role=ROLE,
            region=server.region,
            argv=(
                *site.parts.nobody.words,
                _program(site, "pg_receivewal"),
                "--directory",
                server.log,
                "--slot",
                patroni.BACKUP_SLOT,
                "--status-interval",
                str(SAYS_EVERY_S),
                "--verbose",
                "--dbname",
                address(site, server),
            ),
            nice=SERVER_NICE,
        )
        for server in servers(site)
    )


def base_command(site: Site, server: BackupServer) -> tuple[str, ...]:
    """The command that makes the first base backup: without the log, which the server receives anyway."""
    return (
        *site.parts.nobody.words,
        _program(site, "pg_basebackup"),
        "--pgdata",
        f"{server.bases}/000001",
        "--wal-method",
        "none",
        "--checkpoint",
        "fast",
        "--no-sync",
        "--dbname",
        address(site, server),
    )


def address(site: Site, server: BackupServer) -> str:
    """The shard's members, as the tools take them: they connect to the one that accepts writes."""
    members = [member for member in patroni.members(site) if member.shard == server.shard]
    hosts = ",".join(site.address(member.process) for member in members)
    ports = ",".join(str(member.port) for member in members)
    return (
        f"host={hosts} port={ports} user={patroni.REPLICATION_USER} target_session_attrs=read-write connect_timeout=2 "
        f"application_name={server.process}"
    )


def _program(site: Site, name: str) -> str:
    return str(site.parts.postgres / name) if site.parts.postgres else name
