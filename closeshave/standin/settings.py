"""The settings of one stand-in process: environment variables, as for any application that an environment starts.

The environment files that ship give them with placeholders (:mod:`closeshave.environments.placeholders`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import SplitResult, urlsplit

from pydantic import TypeAdapter

from closeshave.topology import Topology

REMIND_AFTER_S = 5.0
"""A reminder is due so many seconds after its booking. On the real platform it is due a day before the visit, which no trial could wait for."""
DEFECTS_FILE = "DEFECTS_FILE"
"""The variable that names the file in which tests plant defects."""
STATEMENT_MS = 1_400
"""Shorter than the client's time-out: if the server cancels the statement, it certainly did not happen; after a lost answer this is unknown."""


def session_settings(instance: str, *, live: bool) -> dict[str, str]:
    """What a session of an instance sends to a database when it begins. ``live``: to a primary, where customers may follow their bookings."""
    return {"application_name": instance, "statement_timeout": str(STATEMENT_MS), "jit": "off", **({"standin.live": "on"} if live else {})}


@dataclass(frozen=True, slots=True)
class StandinSettings:
    """Addresses are ports of :attr:`host` and :attr:`tiers_host`, which lead through this region's links and proxies."""

    instance: str
    region: str
    port: int
    topology: Topology
    primaries: Mapping[int, int]
    """Shard ID → port for its current primary."""
    replicas: Mapping[int, int]
    """Shard ID → port for a streaming standby; there may be none behind it."""
    caches: Mapping[str, int]
    """Home region of a franchise → port of the cache tier's primary that may hold its entries."""
    sessions: Mapping[str, int]
    """Home region of an account → port of the sessions tier's primary."""
    ratelimit: int
    payments_url: str
    """The provider's URL through this region's link."""
    database: str
    user: str
    signing_key: str
    """Path of the RS256 private key, PEM; all processes of the platform have the same."""
    defects: str
    """Path of a file that only tests write: names of planted defects, one per line. A missing file means none."""
    rate_limit_scale: float = 1.0
    """Multiplies the API's rate limits for each client address."""
    version: str = "1.0.0"
    pool_size: int = 4
    """Database connections per shard and per kind (primary, replica)."""
    host: str = "127.0.0.1"
    """The host of the databases' ports."""
    tiers_host: str = "127.0.0.1"
    """The host of the Valkey tiers' ports."""
    bind: str = "127.0.0.1"
    """The address that the process itself listens on."""
    operations: str = ""
    """Path of the file with an operator's instructions (:mod:`closeshave.standin.operations`); empty when there is none."""
    hardened: bool = False
    """Whether it sends security headers, locks accounts after failed log-ins, and makes offenders against rate limits wait longer each time."""
    routing: str = ""
    """Path of the file that says which ranges of franchises were moved (:mod:`closeshave.standin.routing`); empty when there is none."""
    burden: str = ""
    """What makes this release slower or dearer (:mod:`closeshave.standin.defective.burden`); empty unless a test says so."""
    remind_after: timedelta | None = None
    """When a booking's reminder is due, counted from the booking; ``None`` where nothing is done in the background
    (:mod:`closeshave.standin.background`)."""
    live: bool = False
    """Whether customers may follow their bookings by WebSocket (:mod:`closeshave.standin.live`)."""
    cluster: tuple[int, ...] = ()
    """Ports of the nodes of the Valkey cluster: a tier whose port is one of them is in the cluster (:mod:`closeshave.standin.clustered`)."""


@dataclass(frozen=True, slots=True)
class SeedSizes:
    """How large a seeded platform is."""

    barbers_per_franchise: int = 3
    accounts_per_region: int = 60
    password: str = field(default="correct horse battery staple", repr=False)


TOPOLOGY = TypeAdapter(Topology)
"""Reads and writes the variable ``TOPOLOGY``, which is JSON."""


def of_process(environ: Mapping[str, str]) -> StandinSettings:
    """The settings of a process with these environment variables.

    Raises :class:`KeyError` for a missing variable, and :class:`ValueError` for one that cannot be read.
    """
    primaries, replicas = _urls(environ["DATABASE_URLS"]), _urls(environ["REPLICA_URLS"])
    caches, sessions = _urls(environ["CACHE_URLS"]), _urls(environ["SESSIONS_URLS"])
    ratelimit, database = urlsplit(environ["RATELIMIT_URL"]), next(iter(primaries.values()))
    # A wrong one is what a bad release has (service.bad-version).
    other_port = environ.get("DATABASE_PORT")
    return StandinSettings(
        instance=environ["INSTANCE"],
        region=environ["REGION"],
        port=int(environ["PORT"]),
        topology=TOPOLOGY.validate_json(environ["TOPOLOGY"]),
        primaries={int(shard): int(other_port) if other_port else _port(url) for shard, url in primaries.items()},
        replicas={int(shard): _port(url) for shard, url in replicas.items()},
        caches={home: _port(url) for home, url in caches.items()},
        sessions={home: _port(url) for home, url in sessions.items()},
        ratelimit=_port(ratelimit),
        payments_url=environ["PAYMENTS_URL"],
        database=database.path.removeprefix("/"),
        user=database.username or "",
        signing_key=environ["SIGNING_KEY_FILE"],
        defects=environ.get(DEFECTS_FILE, ""),
        rate_limit_scale=float(environ.get("RATE_LIMIT_SCALE", "1")),
        version=environ.get("VERSION", "1.0.0"),
        host=_host((*primaries.values(), *replicas.values())),
        tiers_host=_host((*caches.values(), *sessions.values(), ratelimit)),
        bind=environ.get("HOST", "127.0.0.1"),
        operations=environ.get("OPERATIONS_FILE", ""),
        hardened=environ.get("HARDENED", "false") == "true",
        routing=environ.get("ROUTING_FILE", ""),
        burden=environ.get("BURDEN", ""),
        remind_after=timedelta(seconds=float(environ.get("REMIND_AFTER_S", REMIND_AFTER_S))) if environ.get("BACKGROUND") == "on" else None,
        live=environ.get("LIVE_UPDATES") == "on",
        cluster=tuple(int(node.rpartition(":")[2]) for node in environ.get("CLUSTER_NODES", "").split(",") if node),
    )


def to_variables(settings: StandinSettings) -> dict[str, str]:
    """The environment variables of a process with these settings."""
    database = f"postgresql://{settings.user}@{settings.host}:%d/{settings.database}"
    tier = f"redis://{settings.tiers_host}:%d/0"
    return {
        "INSTANCE": settings.instance,
        "REGION": settings.region,
        "PORT": str(settings.port),
        "HOST": settings.bind,
        "TOPOLOGY": TOPOLOGY.dump_json(settings.topology).decode(),
        "DATABASE_URLS": json.dumps({shard: database % port for shard, port in settings.primaries.items()}),
        "REPLICA_URLS": json.dumps({shard: database % port for shard, port in settings.replicas.items()}),
        "CACHE_URLS": json.dumps({home: tier % port for home, port in settings.caches.items()}),
        "SESSIONS_URLS": json.dumps({home: tier % port for home, port in settings.sessions.items()}),
        "RATELIMIT_URL": tier % settings.ratelimit,
        "PAYMENTS_URL": settings.payments_url,
        "SIGNING_KEY_FILE": settings.signing_key,
        DEFECTS_FILE: settings.defects,
        "RATE_LIMIT_SCALE": str(settings.rate_limit_scale),
        "VERSION": settings.version,
        "OPERATIONS_FILE": settings.operations,
        "HARDENED": str(settings.hardened).lower(),
        "ROUTING_FILE": settings.routing,
        "BURDEN": settings.burden,
        **({"BACKGROUND": "on", "REMIND_AFTER_S": str(settings.remind_after.total_seconds())} if settings.remind_after else {}),
        "LIVE_UPDATES": "on" if settings.live else "off",
        "CLUSTER_NODES": ",".join(f"{settings.tiers_host}:{port}" for port in settings.cluster),
    }


def _urls(text: str) -> dict[str, SplitResult]:
    """The URLs of a JSON object. Raises :class:`ValueError`."""
    told = json.loads(text)
    if not isinstance(told, dict) or not told:
        raise ValueError(f"{text[:100]!r} is not a JSON object of URLs")
    return {name: urlsplit(str(url)) for name, url in told.items()}


def _port(url: SplitResult) -> int:
    if url.port is None:
        raise ValueError(f"{url.geturl()!r} has no port")
    return url.port


def _host(urls: Iterable[SplitResult]) -> str:
    """The only host of these URLs: this process has one for all databases, and one for all tiers. Raises :class:`ValueError`."""
    hosts = sorted({url.hostname or "" for url in urls})
    if len(hosts) != 1:
        raise ValueError(f"the stand-in needs one host for all databases and one for all tiers, not {', '.join(hosts)}")
    return hosts[0]
