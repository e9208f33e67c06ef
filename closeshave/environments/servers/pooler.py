"""PgBouncer: in each region one for each shard, between its applications and the way to the shard's primary. Only if the environment file has a pooler."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from closeshave.deployment import Process
from closeshave.environments import pooler_settings
from closeshave.environments.servers import patroni, toxiproxy
from closeshave.environments.site import SERVER_NICE, Site

ROLE = "pooler"
ACCOUNTS = "pooler.users"
"""The file with the roles that may connect. Like the databases, it asks nobody for a password."""


@dataclass(frozen=True, slots=True)
class _Pooler:
    region: str
    shard: int

    @property
    def name(self) -> str:
        return process_name(self.region, self.shard)


def process_name(region: str, shard: int) -> str:
    """The name of the process of a region's pooler of a shard."""
    return f"pooler-{region}-shard{shard}"


def doors(site: Site, region: str) -> dict[int, tuple[str, int]]:
    """Shard ID → host and port at which the region's applications reach its primary through a pooler; empty if there is none."""
    here = (each for each in _all(site) if each.region == region)
    return {each.shard: (site.address(each.name, region), _port(site, each)) for each in here}


def ports(site: Site) -> dict[str, dict[int, int]]:
    """Region → shard ID → port of the pooler; empty if there is none."""
    found: dict[str, dict[int, int]] = {}
    for each in _all(site):
        found.setdefault(each.region, {})[each.shard] = _port(site, each)
    return found


def processes(site: Site) -> tuple[Process, ...]:
    """Every pooler."""
    return tuple(_process(site, each) for each in _all(site))


def files(site: Site) -> dict[str, str]:
    """The settings of every pooler, and the file of roles."""
    found = {f"{each.name}.ini": _settings(site, each) for each in _all(site)}
    return {**found, ACCOUNTS: "".join(f'"{user}" ""\n' for user in (patroni.USER, patroni.SUPERUSER))} if found else {}


def _all(site: Site) -> Iterator[_Pooler]:
    if site.definition.pooler is not None:
        yield from (_Pooler(region, shard.id) for region in site.definition.regions for shard in site.definition.clusters)


def _port(site: Site, each: _Pooler) -> int:
    return site.ports.port(each.name, "sql")


def _process(site: Site, each: _Pooler) -> Process:
    assert site.parts.pgbouncer is not None, "whoever found the parts knew that there is a pooler"
    return Process(
        name=each.name,
        role=ROLE,
        region=each.region,
        # Like PostgreSQL it refuses to run as root.
        argv=(*site.parts.nobody.words, *site.parts.pgbouncer.words, str(site.config(f"{each.name}.ini"))),
        ports=(_port(site, each),),
        nice=SERVER_NICE,
    )


def _settings(site: Site, each: _Pooler) -> str:
    link = next(link for link in toxiproxy.app_links(site, each.region) if link.name == f"{each.region}-shard{each.shard}-primary")
    host, port = toxiproxy.entrance(site, link, each.region)
    assert site.definition.pooler is not None
    told = {
        "listen_addr": site.bind,
        "listen_port": str(_port(site, each)),
        # Sockets in the file system would outlive a killed process.
        "unix_socket_dir": "",
        "auth_type": "trust",
        "auth_file": str(site.config(ACCOUNTS)),
        "admin_users": patroni.SUPERUSER,
        **pooler_settings.whole(site.definition.pooler),
    }
    lines = ["[databases]", f"{patroni.DATABASE} = host={host} port={port} dbname={patroni.DATABASE}", "", "[pgbouncer]"]
    return "\n".join([*lines, *(f"{name} = {value}" for name, value in told.items())]) + "\n"
