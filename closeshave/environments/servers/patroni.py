"""PostgreSQL shards under Patroni: each a member in the shard's home region, and one for each standby in the region that the file names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from closeshave.clients.etcd import values
from closeshave.deployment import Member, Process
from closeshave.environments.servers import etcd, toxiproxy
from closeshave.environments.site import SERVER_NICE, Site, placed

DATABASE = "bookings"
USER = "bookings"
"""Database and role of the application; connections are trusted, so no role needs a real password."""
SUPERUSER = "postgres"
REPLICATION_USER = "replicator"
INCREMENTAL_SINCE = 17
"""The first version of PostgreSQL with incremental base backups."""
BACKUP_SLOT = "backup"
"""The replication slot by which a primary keeps the log until the backup server has it."""
MOVING: Mapping[str, str] = {"type": "logical", "database": DATABASE, "plugin": "pgoutput"}
"""The replication slots by which rows move to another shard, as Patroni matches slots."""
NAMESPACE = "/closeshave/"
"""The prefix of Patroni's keys in etcd."""


def admitted(trusted: Iterable[str]) -> list[str]:
    """The lines of ``pg_hba.conf``: all users from the ``trusted`` networks."""
    return [
        line for network in trusted for line in (f"host all all {network} trust", f"host replication {REPLICATION_USER} {network} trust")
    ]


def members(site: Site) -> tuple[Member, ...]:
    """Those of each shard, the declared primary first."""
    return tuple(
        Member(
            process=name, shard=shard.id, region=region, port=site.ports.port(name, "sql"), api_port=site.ports.port(name, "api"), name=name
        )
        for shard in site.definition.clusters
        for name, region in placed(f"shard{shard.id}", (shard.home, *shard.standbys))
    )


def processes(site: Site) -> tuple[Process, ...]:
    """One Patroni for each member; the PostgreSQL that it manages writes its process ID into ``pid_file``."""
    return tuple(
        Process(
            name=member.process,
            role="patroni",
            region=member.region,
            argv=(*site.parts.nobody.words, site.parts.python.program, "-m", "patroni", str(site.config(f"{member.process}.json"))),
            ports=(member.port, member.api_port),
            nice=SERVER_NICE,
            pid_file=str(site.data(member.process) / "postmaster.pid"),
        )
        for member in members(site)
    )


def files(site: Site) -> dict[str, str]:
    """The settings of every member, as JSON, which Patroni reads as YAML."""
    return {f"{member.process}.json": json.dumps(settings(site, member), indent=1) for member in members(site)}


def settings(site: Site, member: Member) -> Mapping[str, Any]:
    """Patroni's settings. Other members reach this one through its region's replication link."""
    database = site.definition.database
    dcs = etcd.endpoints(site, member.region)
    # The addresses that members give each other: if all others are in one region, they connect as it does, inside it if it is this member's own.
    others = {other.region for other in members(site) if other.shard == member.shard and other.name != member.name}
    seen_from = others.pop() if len(others) == 1 else None
    api_host = site.address(member.process, seen_from)
    sql_host, sql_port = toxiproxy.entrance(site, toxiproxy.replication_link(site, member), seen_from)
    accounts = {"username": SUPERUSER, "password": "trusted"}
    return {
        "scope": f"shard{member.shard}",
        "namespace": NAMESPACE,
        "name": member.name,
        "etcd3": {"hosts": dcs},
        "restapi": {"listen": f"{site.bind}:{member.api_port}", "connect_address": f"{api_host}:{member.api_port}"},
        "bootstrap": {
            "dcs": {
                "ttl": round(database.ttl),
                "loop_wait": round(database.loop_wait),
                "retry_timeout": round(database.retry_timeout),
                # How far a standby may lag and still be promoted: availability first, the loss is measured.
                "maximum_lag_on_failover": 1 << 30,
                # Fail over at once when the primary's PostgreSQL dies, instead of first trying to start it again.
                "primary_start_timeout": 0,
                "synchronous_mode": database.synchronous_mode,
                # A primary that loses etcd but still sees all members goes on, instead of stopping a healthy shard.
                "failsafe_mode": True,
                "check_timeline": True,
                # Patroni makes it on every member: after a failover the backup server goes on where it was.
                **({"slots": {BACKUP_SLOT: {"type": "physical"}}} if _backed(site, member) else {}),
                # Slots of a subscription are made and dropped by whoever moves a range; Patroni drops every slot that it does not know.
                **({"ignore_slots": [MOVING]} if site.definition.moving(member.shard) else {}),
                "postgresql": {"use_pg_rewind": True, "use_slots": True, "parameters": _parameters(site, member)},
            },
        },
        "postgresql": {
            "listen": f"{site.bind}:{member.port}",
            "connect_address": f"{sql_host}:{sql_port}",
            "data_dir": str(site.data(member.process)),
            "bin_dir": str(site.parts.postgres or ""),
            "pgpass": str(site.config(f"{member.process}.pgpass")),
            "use_unix_socket": False,
            "pg_hba": admitted(site.addresses.trusted),
            "create_replica_methods": ["basebackup"],
            "basebackup": [{"checkpoint": "fast"}, "no-sync"],
            "authentication": {
                "superuser": accounts,
                "rewind": accounts,
                "replication": {"username": REPLICATION_USER, "password": "trusted"},
            },
            # Sockets in the file system would outlive a killed server.
            "parameters": {"unix_socket_directories": ""},
        },
        "watchdog": {"mode": "off"},
    }


def _backed(site: Site, member: Member) -> bool:
    return any(shard.backup for shard in site.definition.shards if shard.id == member.shard)


def _parameters(site: Site, member: Member) -> dict[str, str | int]:
    """With a backup server the primary notes which blocks change: an incremental base backup needs it. Where ranges move, it decodes its log."""
    noted = _backed(site, member) and site.parts.postgres_major >= INCREMENTAL_SINCE
    chosen = {**parameters(site.parts.postgres_major), **({"summarize_wal": "on"} if noted else {})}
    return {**chosen, **DECODING} if site.definition.moving(member.shard) else chosen


def parameters(postgres_major: int) -> dict[str, str | int]:
    """PostgreSQL's own settings: little memory, quick to notice a lost peer, and no shared memory left after a kill."""
    chosen: dict[str, str | int] = {
        "shared_buffers": "32MB",
        "dynamic_shared_memory_type": "mmap",
        "max_connections": 100,
        "max_worker_processes": 4,
        "max_parallel_workers": 0,
        "max_logical_replication_workers": 0,
        "max_wal_senders": 6,
        "max_replication_slots": 6,
        "jit": "off",
        # Bookings that are moved to one time wait for each other in a cycle. The platform gives up after 1.4 s, and each victim takes this long to find.
        "deadlock_timeout": "100ms",
        "fsync": "on",
        "wal_log_hints": "on",
        "wal_keep_size": "64MB",
        "min_wal_size": "32MB",
        "max_wal_size": "256MB",
        "wal_retrieve_retry_interval": "200ms",
        "wal_sender_timeout": "5s",
        "wal_receiver_timeout": "5s",
        "log_line_prefix": "%m [%p] ",
    }
    if postgres_major >= 18:
        # The default's worker processes would be eight times as many as useful here.
        chosen["io_method"] = "sync"
    return chosen


DECODING: Mapping[str, str | int] = {
    "wal_level": "logical",
    "max_worker_processes": 8,
    "max_logical_replication_workers": 4,
    "max_wal_senders": 10,
    "max_replication_slots": 10,
}
"""Settings of a shard to or from which rows may move."""


def leaders(etcd_port: int) -> dict[str, str]:
    """Shard (``shard1``) → the name of the member that holds its leader lock; read from etcd, so that Patroni has no work from it."""
    found = {}
    for path, value in values(etcd_port, NAMESPACE).items():
        scope, _, key = path.removeprefix(NAMESPACE).partition("/")
        if key == "leader":
            found[scope] = value
    return found
