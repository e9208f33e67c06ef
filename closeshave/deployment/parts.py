"""The parts of an environment: processes and their containers, and what each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from closeshave.hashslots import SlotRange


@dataclass(frozen=True, slots=True)
class Attachment:
    """A container's connection to a network."""

    network: str
    """Name of the engine's network."""
    address: str
    """Its fixed address there."""


@dataclass(frozen=True, slots=True)
class Container:
    """The container of a process: everything that a container engine needs to create it again, besides the process itself."""

    name: str
    """Its name in the engine, unique on the machine."""
    image: str
    attachments: tuple[Attachment, ...]
    """The first is the network through which its ports are published on 127.0.0.1, each under its own number; it is never cut."""
    mounts: tuple[str, ...] = ()
    """Directories and files of this machine, with the same path inside; ``:ro`` after one that is only read."""
    user: str = ""
    """``UID:GID``; empty: the image's own user."""
    memory_bytes_max: int | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """A network of a container engine."""

    name: str
    purpose: str
    """``front`` (publishes ports), ``region`` (inside one region) or ``wan`` (between regions)."""
    region: str | None
    subnet: str


@dataclass(frozen=True, slots=True)
class Process:
    """One process of an environment, in a container or not, and everything that is needed to start it again in the same way."""

    name: str
    """Unique in the deployment, e.g. ``shard1-us-west-2`` or ``app-us-east-1-0``."""
    role: str
    """``etcd``, ``patroni``, ``valkey``, ``sentinel``, ``haproxy``, ``toxiproxy``, ``pooler``, ``app``, ``worker``, ``edge``,
    ``payments``, ``backup`` or ``alerts``."""
    region: str | None
    """Its failure domain; ``None`` for processes that must survive the loss of every region (edge endpoints, payment provider)."""
    argv: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment variables of the starting process."""
    ports: tuple[int, ...] = ()
    """TCP ports on loopback on which it listens."""
    nice: int = 0
    pid_file: str | None = None
    """A file in which a daemon of this process writes its own ID in the first line (Patroni's ``postmaster.pid``)."""
    container: Container | None = None
    """Its container; ``None`` when it runs directly on this machine."""
    address: str = "127.0.0.1"
    """The address at which other parts of the environment reach it.

    The harness always uses :data:`closeshave.clients.address.HOST`, with the same ports.
    """
    directory: str = ""
    """Its working directory; empty: the root of the environment, and for an application in a container that of its image."""


@dataclass(frozen=True, slots=True)
class Member:
    """One PostgreSQL node under Patroni."""

    process: str
    shard: int
    region: str
    port: int
    """The port of PostgreSQL itself, not of a proxy."""
    api_port: int
    """The port of Patroni's REST API."""
    name: str
    """The member's name inside its Patroni cluster."""


@dataclass(frozen=True, slots=True)
class BackupServer:
    """The backup server of a shard: a process that receives the write-ahead log, and a directory of base backups."""

    process: str
    shard: int
    region: str
    directory: str

    @property
    def log(self) -> str:
        """The directory of the received log, a file a segment; the one that is being written ends with ``.partial``."""
        return f"{self.directory}/log"

    @property
    def bases(self) -> str:
        """The directory of the base backups, a directory each, the newest last by name."""
        return f"{self.directory}/bases"


@dataclass(frozen=True, slots=True)
class Store:
    """One Valkey node. ``group`` is its name in Sentinel: a tier, or the part of a tier that stays inside one region; or the cluster of which it is a
    node."""

    process: str
    tier: str
    """``cache``, ``sessions``, ``ratelimit`` or ``broker``."""
    group: str
    region: str
    port: int
    slots: SlotRange | None = None
    """A node of a cluster: the range of hash slots that it is declared to serve, or whose primary it is declared to follow. ``None``: Sentinel watches
    it."""
    bus_port: int = 0
    """At which the nodes of its cluster speak with each other."""
    also: tuple[str, ...] = ()
    """Further tiers that it holds: those of a cluster share its nodes."""

    @property
    def tiers(self) -> tuple[str, ...]:
        """Every tier that it holds."""
        return (self.tier, *self.also)


@dataclass(frozen=True, slots=True)
class Sentinel:
    """One Sentinel process."""

    process: str
    region: str
    port: int


@dataclass(frozen=True, slots=True)
class Payments:
    """The stub of the payment provider; every text is empty where the application uses none."""

    process: str
    url: str
    ledger: str
    """Path of the provider's own ledger: JSON lines, one for each capture."""


@dataclass(frozen=True, slots=True)
class Account:
    """A customer account that exists before the trial."""

    email: str
    password: str
    region: str
