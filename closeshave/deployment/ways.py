"""The ways of requests: links that a fault may disturb, edges, balancers, and the proxy to a platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from closeshave.files.yamlfile import STRICT, stated

LinkKind = Literal["app-database", "app-cache", "app-payments", "replication", "ingress"]
LINK_KINDS: tuple[LinkKind, ...] = get_args(LinkKind)
"""Links that a network fault may disturb: from a region's applications to databases, tiers and the payment provider, from a standby to its primary, and
from every edge to a region's applications."""


@dataclass(frozen=True, slots=True)
class Link:
    """A Toxiproxy proxy: traffic from ``source`` region enters at ``port`` and leaves to ``upstream_port``."""

    name: str
    kind: str
    """One of :data:`LINK_KINDS`."""
    region: str
    """The region whose Toxiproxy carries it."""
    api_port: int
    port: int
    upstream_port: int
    shard: int | None = None
    tier: str | None = None
    upstream: str = ""
    """The process that listens at the upstream port."""


@dataclass(frozen=True, slots=True)
class EdgeTls:
    """How an edge serves TLS."""

    certificate: str
    """Path of the file from which it reads its certificate and private key when it starts (PEM, mode 0600); its runtime API knows it by this path."""
    admin_port: int
    """The port of its HAProxy's runtime API, on loopback."""
    closing: str
    """A variable of its HAProxy. While it is true, every connection is closed with its next answer."""


@dataclass(frozen=True, slots=True)
class EdgeCache:
    """What an edge keeps of public answers."""

    ttl_s_max: float
    """How long an answer is kept at most; shorter if the answer itself says so."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A region's public endpoint for customers, which fails over to the next healthy region."""

    region: str
    url: str
    """``http://127.0.0.1:port`` or ``https://127.0.0.1:port``, without a trailing slash."""
    stats_url: str
    """The URL of HAProxy's statistics as CSV, for the counters of this endpoint."""
    frontend: str
    """The name of the endpoint's frontend in those statistics."""
    tls: EdgeTls | None = None
    """How it serves TLS; ``None`` for an edge with HTTP, or of a platform that the harness does not run."""
    cache: EdgeCache | None = None
    """Its cache of public answers; ``None`` for an edge that asks the application for everything, or of which that is not known."""


@dataclass(frozen=True, slots=True)
class Balancer:
    """A region's balancer over its instances of the application. An instance can be taken out of it."""

    region: str
    admin_port: int
    """The port of HAProxy's runtime API, on loopback."""
    backend: str
    """The name of the proxy in its settings; each server there has the name of its instance."""
    port: int = 0
    """The port at which it takes requests; 0 where nobody asks it but customers."""
    tells: bool = False
    """Whether it tells of each request that is over, as :mod:`closeshave.clients.balancer_log` reads it."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """The HTTP proxy to a platform that this machine cannot reach directly."""

    __pydantic_config__ = STRICT

    url: Annotated[str, stated(pattern=r"^http://[^@/]+:\d+/?$")]
    """The proxy's own address, plain HTTP with its port: ``http://proxy.example.com:3128``."""
    login: str | None = None
    """Name of the environment variable that holds ``user:password`` for the proxy: secrets are never written in a file."""
