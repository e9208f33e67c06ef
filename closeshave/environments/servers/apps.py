"""The processes of the application: its instances in each region and its workers, from the environment file's section ``application``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from closeshave.deployment import Application, LiveUpdates, Process, RunnableRelease
from closeshave.environments import placeholders
from closeshave.environments.application import ApplicationOf, Setting, text_of
from closeshave.environments.servers import patroni, pooler, toxiproxy, valkey
from closeshave.environments.site import APP_NICE, Site
from closeshave.standin import settings as standin_settings
from closeshave.standin.settings import TOPOLOGY

SCRATCH = "application"
"""The name of the application's own directory."""


def names(site: Site, region: str) -> tuple[tuple[str, int], ...]:
    """Name and port of every instance of ``region``."""
    instances = (f"app-{region}-{number}" for number in range(site.definition.apps_per_region))
    return tuple((name, site.ports.port(name, "http")) for name in instances)


def processes(site: Site) -> tuple[Process, ...]:
    """Every instance, and every worker."""
    return _of_release(site, site.definition.application)


def described(site: Site) -> Application:
    """How the application is asked, and its releases."""
    own = site.definition.application
    releases = {
        name: RunnableRelease(own.releases[name].version if name in own.releases else "", _of_release(site, own.as_release(name)))
        for name in own.names_of_releases
    }
    files = {name: _operations_file(site, name) for region in site.definition.regions for name, _ in names(site, region)}
    return Application(
        readiness=own.readiness,
        probe=own.probe,
        version=own.version,
        declared=own.release,
        release=own.release,
        releases=releases,
        preload=own.forked,
        live=LiveUpdates(own.live_updates.path, own.live_updates.within) if own.live_updates else None,
        instructions=files if "operations_file" in own.uses else {},
        routing=_routing_file(site) if "routing_file" in own.uses else "",
    )


def private_key(site: Site) -> str:
    """The path of the file with the application's private key."""
    return str(site.config("private-key.pem"))


def scratch(site: Site) -> str:
    """The path of the application's own directory."""
    return str(site.data(SCRATCH))


def values(site: Site, name: str, region: str, port: int | None = None) -> dict[str, str]:
    """What each placeholder stands for in one process; without a port, that of a worker."""
    definition = site.definition
    doors = {link.name.removeprefix(f"{region}-"): toxiproxy.entrance(site, link, region) for link in toxiproxy.app_links(site, region)}
    doors |= {f"shard{shard}-primary": door for shard, door in pooler.doors(site, region).items()}
    found = {
        "host": site.bind,
        "region": region,
        "instance": name,
        "secret": hashlib.sha256(f"secret of {site.id}".encode()).hexdigest(),
        "private_key_file": private_key(site),
        "scratch": scratch(site),
        "routing_file": _routing_file(site),
        "topology": TOPOLOGY.dump_json(definition.topology).decode(),
        "rate_limit_scale": str(definition.rate_limit_scale),
        "live_updates": "on" if definition.application.live_updates else "off",
        "cluster_nodes": ",".join(f"{site.address(node.process)}:{node.port}" for node in valkey.cluster_nodes(site)),
        "background": "on" if definition.application.workers else "off",
        "python": site.parts.python.program,
        "harness": site.parts.python.harness,
    }
    if port is not None:
        found |= {"port": str(port), "operations_file": _operations_file(site, name)}
    for kind, role in (("database", "primary"), ("replica", "replica")):
        urls = {str(shard.id): _database_url(*doors[f"shard{shard.id}-{role}"]) for shard in definition.clusters}
        found |= {f"{kind}_url.{shard}": url for shard, url in urls.items()} | {f"{kind}_urls": json.dumps(urls)}
        if len(urls) == 1:
            found[f"{kind}_url"] = next(iter(urls.values()))
    for tier in ("cache", "sessions", "ratelimit", "broker"):
        if definition.has(tier):
            urls = {home: _tier_url(*_door(site, doors, tier, home)) for home in definition.regions}
            found |= {f"{tier}_url.{home}": url for home, url in urls.items()} | {f"{tier}_url": urls[region]}
            if tier != "ratelimit":
                # A customer's limit counts in all regions, so that this tier is one.
                found[f"{tier}_urls"] = json.dumps(urls)
    if definition.application.pays:
        host, provider = doors["payments"]
        found["payments_url"] = f"http://{host}:{provider}"
    return found


def session_settings(site: Site) -> dict[str, str]:
    """What sessions of the application with a primary send when they begin. Known of the stand-in; of another application nothing."""
    own = site.definition.application
    if not any("closeshave.standin.app" in word for word in own.command):
        return {}
    return standin_settings.session_settings("closeshave", live=own.live_updates is not None)


def _of_release(site: Site, release: ApplicationOf) -> tuple[Process, ...]:
    """Every instance, and every worker, of the application as this release describes it."""
    instances = (
        _process(site, release, "app", name, region, release.command, release.variables, port)
        for region in site.definition.regions
        for name, port in names(site, region)
    )
    workers = (
        _process(
            site, release, "worker", f"worker-{worker.name}-{region}-{number}", region, worker.command, release.of_worker(worker), None
        )
        for worker in release.workers
        for region in worker.regions or site.definition.regions
        for number in range(worker.count)
    )
    return (*instances, *workers)


def _process(
    site: Site,
    release: ApplicationOf,
    role: str,
    name: str,
    region: str,
    command: tuple[str, ...],
    variables: Mapping[str, Setting],
    port: int | None,
) -> Process:
    known = values(site, name, region, port)
    # The harness's own interpreter must find the harness's modules.
    environ = dict(site.parts.python.environ) if command[:1] == ("{python}",) else {}
    return Process(
        name=name,
        role=role,
        region=region,
        argv=placeholders.all_filled(command, known),
        environ={**environ, **{key: placeholders.filled(text_of(value), known) for key, value in variables.items()}},
        ports=() if port is None else (port,),
        nice=APP_NICE,
        directory=release.directory or "",
    )


def _routing_file(site: Site) -> str:
    return str(site.config("routing.json"))


def _operations_file(site: Site, name: str) -> str:
    return str(site.config(f"{name}.operations.json"))


def _door(site: Site, doors: Mapping[str, tuple[str, int]], tier: str, home: str) -> tuple[str, int]:
    """Where a part connects to for the entries of a region: of a cluster the first node, which tells where the others are."""
    if site.definition.in_cluster(tier):
        first = valkey.cluster_nodes(site)[0]
        return site.address(first.process), first.port
    return doors[site.definition.group_serving(tier, home).name]


def _database_url(host: str, port: int) -> str:
    return f"postgresql://{patroni.USER}@{host}:{port}/{patroni.DATABASE}"


def _tier_url(host: str, port: int) -> str:
    return f"redis://{host}:{port}/0"
