"""Toxiproxy: one process for each region, on the kinds of links that the environment file names, and one for each entrance, for its distance.

Other links are direct; all are if there is no Toxiproxy.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from closeshave.deployment import Link, Member, Process
from closeshave.environments.site import SERVER_NICE, Site


def process_name(region: str) -> str:
    """The name of the region's process."""
    return f"toxiproxy-{region}"


def app_links(site: Site, region: str) -> tuple[Link, ...]:
    """The links of the region's applications: to each shard's primary and standby, each cache group, the payment provider if it uses one."""
    proxy = f"haproxy-{region}"
    databases = [
        _link(site, region, f"shard{shard.id}-{role}", "app-database", proxy, f"shard{shard.id}-{role}", shard=shard.id)
        for shard in site.definition.clusters
        for role in ("primary", "replica")
    ]
    caches = [_link(site, region, group.name, "app-cache", proxy, group.name, tier=group.tier) for group in site.definition.tiers]
    provider = (_link(site, region, "payments", "app-payments", "payments", "http"),) if site.definition.application.pays else ()
    return (*databases, *caches, *provider)


def replication_link(site: Site, member: Member) -> Link:
    """The link through which a member's peers stream from it, or rewind against it."""
    return _link(site, member.region, f"{member.process}-replication", "replication", member.process, "sql", shard=member.shard)


def ingress_link(site: Site, region: str) -> Link:
    """The link through which every edge reaches the region's applications; at an entrance, those of the region that serves it."""
    return _link(site, region, "ingress", "ingress", f"haproxy-{site.definition.topology.served_by(region)}", "apps")


def links(site: Site, members: Iterable[Member]) -> tuple[Link, ...]:
    """Every link of the environment that leads through a Toxiproxy."""
    apps = [link for region in site.definition.regions for link in app_links(site, region)]
    replication = [replication_link(site, member) for member in members]
    every = (*apps, *replication, *(ingress_link(site, region) for region in site.definition.doors))
    return tuple(link for link in every if _carried(site, link))


def _carried(site: Site, link: Link) -> bool:
    # The distance of an entrance is there in every run, whatever its plan breaks.
    wanted = link.kind in site.definition.links or link.region in site.definition.entrances
    return site.parts.toxiproxy is not None and wanted


def entrance(site: Site, link: Link, seen_from: str | None) -> tuple[str, int]:
    """Host and port to which a part in the region ``seen_from`` connects to use ``link``."""
    if not _carried(site, link):
        return site.address(link.upstream, seen_from), link.upstream_port
    return site.address(process_name(link.region), seen_from), link.port


def processes(site: Site, links: tuple[Link, ...]) -> tuple[Process, ...]:
    """One for each region that has links."""
    return tuple(_process(site, region, links) for region in site.definition.doors if any(link.region == region for link in links))


def files(site: Site, links: tuple[Link, ...]) -> dict[str, str]:
    """The proxies of every region, created again whenever its process starts."""
    found = {region: proxies(site, links, region) for region in site.definition.doors}
    return {f"{process_name(region)}.json": json.dumps(listed, indent=1) for region, listed in found.items() if listed}


def proxies(site: Site, links: tuple[Link, ...], region: str) -> list[dict[str, str | bool]]:
    """The region's links in Toxiproxy's own format."""
    return [
        {
            "name": link.name,
            "listen": f"{site.bind}:{link.port}",
            "upstream": f"{site.address(link.upstream, region)}:{link.upstream_port}",
            "enabled": True,
        }
        for link in links
        if link.region == region
    ]


def _process(site: Site, region: str, links: tuple[Link, ...]) -> Process:
    name = process_name(region)
    api_port = site.ports.port(name, "api")
    return Process(
        name=name,
        role="toxiproxy",
        region=region,
        # By default it writes a line for every packet.
        environ={"LOG_LEVEL": "info"},
        argv=(
            *_launcher(site, region, api_port),
            *(str(site.parts.toxiproxy), "-host", site.bind, "-port", str(api_port), "-config", str(site.config(f"{name}.json"))),
        ),
        ports=(api_port, *(link.port for link in links if link.region == region)),
        nice=SERVER_NICE,
    )


def _launcher(site: Site, region: str, api_port: int) -> tuple[str, ...]:
    """What starts the Toxiproxy of an entrance, with its distance; nothing for that of a region."""
    entrance = site.definition.entrances.get(region)
    if entrance is None:
        return ()
    python = site.parts.python
    delay_ms = str(round(entrance.distance * 1000))
    return (python.program, "-I", "-S", python.toxiproxy_start, str(api_port), ingress_link(site, region).name, delay_ms)


def _link(
    site: Site, region: str, end: str, kind: str, upstream: str, purpose: str, *, shard: int | None = None, tier: str | None = None
) -> Link:
    name = end if kind == "replication" else f"{region}-{end}"
    part = process_name(region)
    upstream_port = site.ports.port(upstream, purpose)
    return Link(name, kind, region, site.ports.port(part, "api"), site.ports.port(part, name), upstream_port, shard, tier, upstream)
