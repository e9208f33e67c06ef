"""Describes a whole environment before it is started: every process, port and settings file. Pure: the same site gives the same layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from closeshave.deployment import LINK_KINDS, Deployment, Programs
from closeshave.environments.addresses import ONE_MACHINE, Addresses
from closeshave.environments.parts import Parts
from closeshave.environments.ports import PortAllocator
from closeshave.environments.remote import speaking
from closeshave.environments.servers import alerts, apps, backup, etcd, haproxy, patroni, payments, pooler, toxiproxy, valkey
from closeshave.environments.site import Site
from closeshave.environments.stack import Stack
from closeshave.files.certificates import Authority


@dataclass(frozen=True, slots=True)
class Layout:
    """What to write and what to start."""

    deployment: Deployment
    files: Mapping[Path, str]
    private_key: Path
    """Where the application finds its private key, which is made when the environment starts."""
    scratch: Path
    """The application's own directory."""
    patient: bool
    """Whether the application starts without its databases and caches and waits for them."""
    preload: tuple[str, ...]
    """Modules that one interpreter imports for all instances."""
    declared_primaries: frozenset[str]
    """The processes of the Valkey nodes that start as primaries."""
    primary_ports: Mapping[str, Mapping[int, int]]
    """Region → shard ID → port of the region's proxy for the shard's primary."""
    pooler_ports: Mapping[str, Mapping[int, int]]
    """The same for poolers; empty if there is none."""
    session_settings: Mapping[str, str]
    """What sessions of the application send when they begin, by which a pooler refuses some; empty where it is not known."""
    port_count: int
    certificates: Path | None
    """The directory of the edges' certificates, which are made when the environment starts; ``None`` where edges serve HTTP."""
    base_backups: Mapping[str, tuple[str, ...]]
    """Backup server → the command that makes its first base backup."""


def lay_out(id: str, root: Path, definition: Stack, parts: Parts, first_port: int, addresses: Addresses = ONE_MACHINE) -> Layout:
    """Describe the environment ``id`` below ``root`` with its ports from ``first_port`` on."""
    site = Site(id, root, definition, parts, PortAllocator(first_port), addresses)
    members = patroni.members(site)
    stores = valkey.stores(site)
    links = toxiproxy.links(site, members)
    texts = (
        patroni.files(site) | valkey.files(site) | toxiproxy.files(site, links) | pooler.files(site) | alerts.files(site, members, stores)
    )
    for region in definition.regions:
        texts[f"{haproxy.region_process_name(region)}.cfg"] = haproxy.region_settings(
            site, region, members, stores, apps.names(site, region)
        )
    texts[f"{haproxy.EDGES}.cfg"] = haproxy.edge_settings(site)
    deployment = Deployment(
        id=id,
        name=definition.name,
        kind=definition.kind,
        root=str(root),
        topology=definition.topology,
        processes=(
            *etcd.processes(site),
            *valkey.store_processes(site),
            *valkey.sentinel_processes(site),
            *patroni.processes(site),
            *backup.processes(site),
            *toxiproxy.processes(site, links),
            *haproxy.processes(site),
            *pooler.processes(site),
            *payments.processes(site),
            *apps.processes(site),
            *alerts.processes(site),
        ),
        members=members,
        stores=stores,
        sentinels=valkey.sentinels(site),
        links=links,
        edges=haproxy.edges(site),
        files=apps.scratch(site),
        configuration=tuple(map(str, filter(None, (root / "config", haproxy.certificates(site))))),
        authority=str(Authority.within(tls).certificate) if (tls := haproxy.certificates(site)) else "",
        balancers=haproxy.balancers(site),
        edge_balancers=haproxy.edge_balancers(site),
        payments=payments.provider(site),
        etcd_ports=etcd.client_ports(site),
        database=patroni.DATABASE,
        user=patroni.USER,
        versions=parts.versions,
        missing=parts.missing,
        capabilities=definition.application.capabilities,
        api=speaking.profile(definition.application.api),
        application=apps.described(site),
        hooks=definition.hooks,
        secrets=definition.secrets,
        backups=backup.servers(site),
        monitoring=alerts.monitoring(site),
        programs=Programs(str(parts.postgres or ""), parts.nobody.words),
        straight=tuple(kind for kind in LINK_KINDS if kind not in definition.links),
    )
    return Layout(
        deployment=deployment,
        files={site.config(name): text for name, text in texts.items()},
        private_key=Path(apps.private_key(site)),
        scratch=Path(apps.scratch(site)),
        patient=definition.application.patient,
        preload=definition.application.preload,
        declared_primaries=frozenset(valkey.declared_primary(site, group).process for group in definition.tiers),
        primary_ports={
            region: {
                shard.id: site.ports.port(haproxy.region_process_name(region), f"shard{shard.id}-primary") for shard in definition.clusters
            }
            for region in definition.regions
        },
        pooler_ports=pooler.ports(site),
        session_settings=apps.session_settings(site),
        port_count=site.ports.count,
        certificates=haproxy.certificates(site),
        base_backups={server.process: backup.base_command(site, server) for server in backup.servers(site)},
    )


def ports_needed(definition: Stack, parts: Parts) -> int:
    """How many consecutive ports the environment takes."""
    return lay_out("", Path("/"), definition, parts, 0).port_count
