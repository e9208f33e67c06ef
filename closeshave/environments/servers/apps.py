"""The stand-in platform's processes: applications of each region, and the payment provider that belongs to none."""

from __future__ import annotations

from pathlib import Path

from closeshave.deployment import OPERATIONS, Payments, Process
from closeshave.environments.addresses import LOOPBACK
from closeshave.environments.servers import haproxy, patroni, toxiproxy
from closeshave.environments.site import APP_NICE, SERVER_NICE, Site
from closeshave.standin.settings import VARIABLE, StandinSettings

PAYMENTS = "payments"
WEBHOOKS_PATH = "/api/v2/webhooks/payments"


def names(site: Site, region: str) -> tuple[tuple[str, int], ...]:
    """Name and port of every application process of ``region``."""
    instances = (f"app-{region}-{number}" for number in range(site.definition.apps_per_region))
    return tuple((name, site.ports.port(name, "http")) for name in instances)


def processes(site: Site) -> tuple[Process, ...]:
    """Every application process."""
    return tuple(
        Process(
            name=name,
            role="app",
            region=region,
            argv=(site.parts.python.program, "-m", "closeshave.standin.app"),
            environ={
                VARIABLE: str(site.config(f"{name}.json")),
                OPERATIONS: str(site.config(f"{name}.operations.json")),
                **site.parts.python.environ,
            },
            ports=(port,),
            nice=APP_NICE,
        )
        for region in site.definition.regions
        for name, port in names(site, region)
    )


def settings(site: Site) -> dict[Path, StandinSettings]:
    """The settings of every application process, by file."""
    return {
        site.config(f"{name}.json"): _settings(site, name, region, port)
        for region in site.definition.regions
        for name, port in names(site, region)
    }


def signing_key(site: Site) -> Path:
    """The file with the key with which every process of the platform signs tokens."""
    return site.config("signing-key.pem")


def payments(site: Site) -> Payments:
    """The payment provider and its own ledger."""
    url = f"http://{LOOPBACK}:{site.ports.port(PAYMENTS, 'http')}"
    return Payments(process=PAYMENTS, url=url, ledger=str(site.data(PAYMENTS) / "ledger.jsonl"))


def payments_process(site: Site) -> Process:
    """The payment provider's process."""
    port = site.ports.port(PAYMENTS, "http")
    # Not through the edges, whose requests are counted and compared with what customers sent.
    doors = [
        f"http://{site.address(haproxy.region_process_name(region), region)}:{haproxy.balancer_port(site, region)}{WEBHOOKS_PATH}"
        for region in site.definition.regions
    ]
    webhooks = [argument for door in doors for argument in ("--webhook", door)]
    listening = ("--host", site.bind, "--port", str(port))
    python = site.parts.python
    argv = (python.program, "-m", "closeshave.standin.payments", *listening, "--ledger", payments(site).ledger, *webhooks)
    return Process(name=PAYMENTS, role="payments", region=None, argv=argv, environ=python.environ, ports=(port,), nice=SERVER_NICE)


def _settings(site: Site, name: str, region: str, port: int) -> StandinSettings:
    definition = site.definition
    doors = {link.name.removeprefix(f"{region}-"): toxiproxy.entrance(site, link, region) for link in toxiproxy.app_links(site, region)}
    entrances = {name: port for name, (_, port) in doors.items()}
    provider_host, provider_port = doors["payments"]
    # Each the region's Toxiproxy, or else the region's HAProxy.
    host = doors[f"shard{definition.shards[0].id}-primary"][0]
    tiers_host, ratelimit = doors[definition.group_serving("ratelimit", region).name]
    return StandinSettings(
        instance=name,
        region=region,
        port=port,
        topology=definition.topology,
        primaries={shard.id: entrances[f"shard{shard.id}-primary"] for shard in definition.shards},
        replicas={shard.id: entrances[f"shard{shard.id}-replica"] for shard in definition.shards},
        caches={home: entrances[definition.group_serving("cache", home).name] for home in definition.regions},
        sessions={home: entrances[definition.group_serving("sessions", home).name] for home in definition.regions},
        ratelimit=ratelimit,
        payments_url=f"http://{provider_host}:{provider_port}",
        database=patroni.DATABASE,
        user=patroni.USER,
        signing_key=str(signing_key(site)),
        defects=str(site.config("defects")),
        rate_limit_scale=definition.rate_limit_scale,
        bind=site.bind,
        host=host,
        tiers_host=tiers_host,
    )
