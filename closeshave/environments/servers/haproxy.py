"""HAProxy: one in each region, which forwards to the current primaries; and the edges, where customers enter and where another region takes over."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from closeshave.clients import balancer_log
from closeshave.deployment import Balancer, Edge, EdgeCache, EdgeTls, Member, Process, Store
from closeshave.environments.addresses import LOOPBACK
from closeshave.environments.servers import edge_cache, toxiproxy
from closeshave.environments.site import SERVER_NICE, Site

EDGES = "edges"
CERTIFICATES = "tls"
"""The directory of the edges' certificates and of the authority that issued them, below the root."""
BACKEND = "apps"
"""The name of a region's balancer over its instances in its settings."""
HEADER = re.compile(r"[A-Za-z0-9-]+")

# "iso" gives the log lines their instants, which "raw" leaves out.
_GLOBAL = """\
global
    log stdout format iso local0 notice
    nbthread 1
    maxconn 4000
    no strict-limits

defaults
    log global
    timeout connect 1s
    timeout check 2s
    timeout queue 1s
"""

# Read by the runtime API while a release is compared with another: some seconds of requests.
_RING = f"""\
ring {balancer_log.RING}
    format raw
    maxlen 1024
    size 524288
"""

# Without tickets and a cache of sessions every connection sees the edge's certificate: with them a customer whose session is resumed notices neither a
# new one nor one that has expired.
_TLS = """\
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
    tune.ssl.cachesize 0
"""

# Long transactions are ended by their owners; a proxy that cut an idle pooled connection would look like a fault.
_TCP = """\
    mode tcp
    option redispatch 1
    retries 1
    timeout client 1h
    timeout server 1h
"""

_HTTP_IN = """\
    mode http
    timeout http-request 10s
    timeout http-keep-alive 65s
    timeout client 65s
"""

# Only requests that never left the proxy are retried (conn-failure): a request that was sent may have booked.
_HTTP_OUT = """\
    mode http
    option redispatch 1
    retries 2
    retry-on conn-failure
    http-reuse safe
    timeout server 15s
"""


METRICS = "/metrics"
_EXPORTED = f"    http-request use-service prometheus-exporter if {{ path {METRICS} }}\n"


def region_process_name(region: str) -> str:
    """The name of the region's process."""
    return f"haproxy-{region}"


def balancer_port(site: Site, region: str) -> int:
    """The port of the region's balancer over its ready applications."""
    return site.ports.port(region_process_name(region), BACKEND)


def admin_port(site: Site, region: str) -> int:
    """The port of the region's runtime API, by which instances are taken out of its balancer and put back."""
    return site.ports.port(region_process_name(region), "admin")


def metrics_port(site: Site, region: str) -> int:
    """The port at which the region's process serves its metrics, where the environment has monitoring."""
    return site.ports.port(region_process_name(region), "metrics")


def balancers(site: Site) -> tuple[Balancer, ...]:
    """The balancer of every region."""
    return tuple(
        Balancer(region, admin_port(site, region), BACKEND, balancer_port(site, region), tells=True) for region in site.definition.regions
    )


def edge_balancers(site: Site) -> tuple[Balancer, ...]:
    """Those of the edges. One process has all of them, and so one runtime API."""
    return tuple(Balancer(region, site.ports.port(EDGES, "admin"), f"edge-{region}") for region in site.definition.doors)


def region_settings(site: Site, region: str, members: Sequence[Member], stores: Sequence[Store], apps: Sequence[tuple[str, int]]) -> str:
    """The text of a region's settings. ``apps`` are the names and ports of its application processes."""
    blocks = [_administered(site, admin_port(site, region)), _RING]
    for shard in site.definition.clusters:
        pair = [member for member in members if member.shard == shard.id]
        blocks += [_database(site, region, f"shard{shard.id}-{role}", role, pair) for role in ("primary", "replica")]
    for group in site.definition.tiers:
        blocks.append(_cache(site, region, group.name, [store for store in stores if store.group == group.name]))
    blocks.append(_balancer(site, region, apps))
    if site.definition.alerts is not None:
        lines = f"frontend metrics\n    mode http\n    bind {site.bind}:{metrics_port(site, region)}\n    timeout client 5s\n"
        blocks.append(f"{lines}{_EXPORTED}")
    return "\n".join(blocks)


def _administered(site: Site, port: int, more: str = "") -> str:
    """The common settings, with a runtime API at a port and more lines of the section "global"."""
    # Directly below that section, of which they are lines.
    return _GLOBAL.replace("\n\n", f"\n    stats socket ipv4@{site.bind}:{port} level admin\n{more}\n", 1)


def edge_settings(site: Site) -> str:
    """The text of the edges' settings: an endpoint for each region, with the regions after it as backups, in order; and one for each entrance, with the
    region that serves it alone."""
    doors, tls, cache = site.definition.doors, site.definition.edges.tls, site.definition.edges.cache
    stats = f"frontend stats\n    mode http\n    bind {site.bind}:{site.ports.port(EDGES, 'stats')}\n"
    return "\n".join(
        [
            _administered(site, site.ports.port(EDGES, "admin"), _TLS if tls else ""),
            f"{stats}    timeout client 5s\n{_EXPORTED if site.definition.alerts else ''}    stats enable\n    stats uri /\n",
            *(edge_cache.section(edge_name(door), cache) for door in doors if cache is not None),
            *(_region_watch(site, region) for region in doors),
            *(_endpoint(site, index) for index in range(len(doors))),
        ]
    )


def _readiness(site: Site) -> list[str]:
    """The check of an instance, or of a region behind its balancer: what the application itself says."""
    asked = site.definition.application.readiness
    # In single quotes nothing has a special meaning.
    body = [f"    http-check expect string '{asked.body}'"] if asked.body else []
    return [f"    option httpchk GET '{asked.path}'", f"    http-check expect status {asked.status}", *body]


def _ingress(site: Site, region: str) -> str:
    """The address at which edges reach the region, through the link that can be cut for its customers only. Edges are on the networks of all regions."""
    host, port = toxiproxy.entrance(site, toxiproxy.ingress_link(site, region), region)
    return f"{host}:{port}"


def edges(site: Site) -> tuple[Edge, ...]:
    """The endpoint of every region and entrance."""
    stats_url = f"http://{LOOPBACK}:{site.ports.port(EDGES, 'stats')}/;csv"
    scheme, cache = "https" if site.definition.edges.tls else "http", site.definition.edges.cache
    return tuple(
        Edge(
            region=region,
            url=f"{scheme}://{LOOPBACK}:{site.ports.port(EDGES, region)}",
            stats_url=stats_url,
            frontend=edge_name(region),
            tls=_tls(site, index) if site.definition.edges.tls else None,
            cache=EdgeCache(cache.ttl) if cache is not None else None,
        )
        for index, region in enumerate(site.definition.doors)
    )


def edge_name(region: str) -> str:
    """The name of a region's endpoint, also in its certificate."""
    return f"edge-{region}"


def certificates(site: Site) -> Path | None:
    """The directory of the edges' certificates; ``None`` where they serve HTTP."""
    return site.root / CERTIFICATES if site.definition.edges.tls else None


def _tls(site: Site, index: int) -> EdgeTls:
    file = site.root / CERTIFICATES / f"{edge_name(site.definition.doors[index])}.pem"
    # By number: a variable's name has no hyphen.
    return EdgeTls(str(file), site.ports.port(EDGES, "admin"), f"proc.closing_{index}")


def processes(site: Site) -> tuple[Process, ...]:
    """One for each region, and one for all edges, which belongs to no region and so survives the loss of any."""
    shards = [f"shard{shard.id}-{role}" for shard in site.definition.clusters for role in ("primary", "replica")]
    purposes = [*shards, *(group.name for group in site.definition.tiers), BACKEND, "admin"]
    purposes += ["metrics"] if site.definition.alerts else []
    proxies = [_process(site, region_process_name(region), "haproxy", region, purposes) for region in site.definition.regions]
    return (*proxies, _process(site, EDGES, "edge", None, ["stats", *site.definition.doors, "admin"]))


def _process(site: Site, name: str, role: str, region: str | None, purposes: Sequence[str]) -> Process:
    return Process(
        name=name,
        role=role,
        region=region,
        argv=(str(site.parts.haproxy), "-db", "-f", str(site.config(f"{name}.cfg"))),
        ports=tuple(site.ports.port(name, purpose) for purpose in purposes),
        nice=SERVER_NICE,
    )


def _database(site: Site, region: str, name: str, role: str, pair: Sequence[Member]) -> str:
    # A new primary must be found fast; a standby may be found at leisure, since whoever reads there turns to the primary meanwhile. Every region's proxy
    # asks, and each check costs Patroni a thread and a query: at twice the pace they cost as much as the queries of the applications.
    pace = "inter 1s fastinter 200ms" if role == "primary" else "inter 4s fastinter 500ms"
    lines = [
        f"listen {name}",
        f"    bind {site.bind}:{site.ports.port(region_process_name(region), name)}",
        _TCP.rstrip(),
        f"    option httpchk OPTIONS /{role}",
        "    http-check expect status 200",
        f"    default-server {pace} fall 2 rise 1 on-marked-down shutdown-sessions",
        *(
            f"    server {member.process} {site.address(member.process, region)}:{member.port} check port {member.api_port}"
            for member in pair
        ),
    ]
    return "\n".join(lines) + "\n"


def _cache(site: Site, region: str, name: str, pair: Sequence[Store]) -> str:
    lines = [
        f"listen {name}",
        f"    bind {site.bind}:{site.ports.port(region_process_name(region), name)}",
        _TCP.rstrip(),
        "    option tcp-check",
        "    tcp-check send PING\\r\\n",
        "    tcp-check expect string +PONG",
        "    tcp-check send info\\ replication\\r\\n",
        "    tcp-check expect string role:master",
        "    tcp-check send QUIT\\r\\n",
        "    tcp-check expect string +OK",
        "    default-server inter 1s fastinter 200ms fall 2 rise 1 on-marked-down shutdown-sessions",
        *(f"    server {store.process} {site.address(store.process, region)}:{store.port} check" for store in pair),
    ]
    return "\n".join(lines) + "\n"


def _balancer(site: Site, region: str, apps: Sequence[tuple[str, int]]) -> str:
    version = site.definition.application.version
    says = version.header if version is not None else ""
    lines = [
        f"listen {BACKEND}",
        f"    bind {site.bind}:{balancer_port(site, region)}",
        _HTTP_IN.rstrip(),
        _HTTP_OUT.rstrip(),
        "    balance roundrobin",
        *_told(says),
        *_readiness(site),
        # A refused connection shows that an application has ended, and the other one is used: checks find those that hang or are not ready.
        "    default-server inter 1s fastinter 200ms fall 2 rise 1 on-marked-down shutdown-sessions",
        *(f"    server {name} {site.address(name, region)}:{port} check" for name, port in apps),
    ]
    return "\n".join(lines) + "\n"


def _told(header: str) -> list[str]:
    """Settings by which the balancer tells of each request; ``header`` is the one in which the application names its release."""
    release = [f"    http-response set-var({balancer_log.RELEASE}) res.hdr({header})"] if HEADER.fullmatch(header) else []
    return [f"    log ring@{balancer_log.RING} local0 info", f'    log-format "{balancer_log.LINE}"', *release]


def _region_watch(site: Site, region: str) -> str:
    """One health check for each region, used by all endpoints, because checks cost the applications work."""
    lines = [
        f"backend region-{region}",
        _HTTP_OUT.rstrip(),
        *_readiness(site),
        f"    server watch {_ingress(site, region)} check inter 500ms fastinter 100ms fall 2 rise 2",
    ]
    return "\n".join(lines) + "\n"


def _endpoint(site: Site, index: int) -> str:
    regions, door = site.definition.regions, site.definition.doors[index]
    order = [door] if door in site.definition.entrances else [*regions[index:], *regions[:index]]
    name, tls = edge_name(door), _tls(site, index) if site.definition.edges.tls else None
    cache = site.definition.edges.cache
    served = f" ssl crt '{tls.certificate}' alpn http/1.1" if tls else ""
    lines = [
        f"frontend {name}",
        f"    bind {site.bind}:{site.ports.port(EDGES, door)}{served}",
        _HTTP_IN.rstrip(),
        "    option forwardfor if-none",
        # A handshake by which somebody only looks at the certificate is no request, and must not be counted as one.
        *(["    option http-ignore-probes"] if tls else []),
        # The application sees plain HTTP: by this header it knows which links to write, and which cookies to call secure.
        *(["    http-request set-header X-Forwarded-Proto https"] if tls else []),
        *([f"    http-after-response set-header Connection close if {{ var({tls.closing}) -m bool }}"] if tls else []),
        *(edge_cache.rules(name, cache) if cache is not None else ()),
        f"    default_backend {name}",
        "",
        f"backend {name}",
        _HTTP_OUT.rstrip(),
    ]
    for place, region in enumerate(order):
        backup = " backup" if place else ""
        lines.append(f"    server {region} {_ingress(site, region)} track region-{region}/watch on-marked-down shutdown-sessions{backup}")
    return "\n".join(lines) + "\n"
