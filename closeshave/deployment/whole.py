"""The whole deployment, and its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from closeshave.api import known
from closeshave.api.profile import ApiProfile
from closeshave.cluster import ClusterInUse
from closeshave.deployment.application import Application, Capabilities
from closeshave.deployment.hooks import DrillHook, Hook
from closeshave.deployment.parts import Account, BackupServer, Member, Network, Payments, Process, Sentinel, Store
from closeshave.deployment.ways import Balancer, Edge, Link, Proxy
from closeshave.files import jsonfile, write_atomically
from closeshave.topology import Routing, Topology

FILE = "deployment.json"
"""Name of the file inside :attr:`Deployment.root`."""
OWN_REQUESTS = "own-requests.jsonl"
"""A file in the root: one line (``region``) for each request that the harness itself sent through an edge to prove a heal.

It is subtracted when the edges' counters are compared with the senders'.
"""
FOLLOWED = "live-updates.jsonl"
"""A file in the root: one line for each connection of a follower of live updates that was opened or closed, and for each update that came by it."""
DIVERGED = "diverged.jsonl"
"""A file in the root with rows (:class:`closeshave.history.Diverged`) that a database member held and its shard's leader did not.

They are read just before the two sides of a partition are joined again, because afterwards the old side is rewound.
"""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Names of the environment variables that hold secrets, by the processes that need them. Other processes do not get them."""

    reading: tuple[str, ...] = ()
    """For the trial itself, which reads bookings back."""
    hooks: tuple[str, ...] = ()
    """For the trial, the faults' processes and the janitor, which inject, heal and verify."""
    proxy: tuple[str, ...] = ()
    """For all of these and the senders, which send requests to the platform."""

    @property
    def not_for_senders(self) -> tuple[str, ...]:
        """Variables that load generators do not need."""
        return (*self.reading, *self.hooks)

    @property
    def not_for_faults(self) -> tuple[str, ...]:
        """Variables that processes which inject and heal do not need."""
        return tuple(name for name in self.reading if name not in {*self.hooks, *self.proxy})

    @property
    def all(self) -> tuple[str, ...]:
        """All variables, for processes that need none of them."""
        return (*self.reading, *self.hooks, *self.proxy)


@dataclass(frozen=True, slots=True)
class Programs:
    """How programs are started that are no part of the environment, such as a restored database."""

    postgres: str = ""
    """The directory of PostgreSQL's programs; empty: they are on the PATH."""
    words: tuple[str, ...] = ()
    """What stands before a command that must not run as root."""

    def of_postgres(self, name: str) -> str:
        """The program with this name, such as ``pg_verifybackup``."""
        return f"{self.postgres}/{name}" if self.postgres else name


@dataclass(frozen=True, slots=True)
class Monitoring:
    """The monitoring of an environment that the harness runs."""

    store_url: str
    """Of the metrics store, which answers as Prometheus does."""
    engine_url: str
    """Of the rule engine, which lists rules and alerts as Prometheus does."""
    manager_url: str
    """Of the Alertmanager."""
    webhook_port: int
    """The port at which the Alertmanager tells every alert; the harness listens there."""
    token_file: str
    """Holds the bearer token that the Alertmanager shows there."""
    targets: int
    """How many parts are scraped."""
    every_s: float
    """How often they are, and rules are evaluated."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A running environment. Addresses are loopback; ports are below 32768."""

    id: str
    """Unique to this start; every process carries it in the variable ``CLOSESHAVE_ENVIRONMENT_ID``."""
    name: str
    kind: str
    root: str
    """The directory of its whole state; removed by ``down``."""
    topology: Topology
    processes: tuple[Process, ...]
    members: tuple[Member, ...]
    stores: tuple[Store, ...]
    sentinels: tuple[Sentinel, ...]
    links: tuple[Link, ...]
    """Empty if Toxiproxy is not available, or if no fault of the plan needs it."""
    edges: tuple[Edge, ...]
    payments: Payments
    etcd_ports: tuple[int, ...]
    database: str
    user: str
    """Database and role for readers; connections on loopback are trusted."""
    accounts: tuple[Account, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    """Parts that are not available (``toxiproxy``) and why; verdicts that need them are *not run* or inconclusive."""
    capabilities: Capabilities = Capabilities()  # noqa: RUF009 - frozen
    hooks: tuple[Hook, ...] = ()
    """Hooks with which the platform's operator lets the harness inject faults."""
    drill_hooks: tuple[DrillHook, ...] = ()
    """Hooks with which the platform's operator lets the harness carry out drills."""
    straight: tuple[str, ...] = ()
    """Kinds of links without a Toxiproxy: the environment was started for a plan that disturbs none of them."""
    networks: tuple[Network, ...] = ()
    """Networks of a container engine; empty if every part is on the machine's own network."""
    proxy: Proxy | None = None
    """The proxy for requests to the hosts of :attr:`edges`, and for no others."""
    application: Application = Application()  # noqa: RUF009 - frozen
    """The application that runs here; without meaning for a remote platform."""
    balancers: tuple[Balancer, ...] = ()
    """Of each region; empty where the harness does not run the balancers."""
    edge_balancers: tuple[Balancer, ...] = ()
    """Those of the edges, one for each: its servers have the names of the regions. They are told to send customers elsewhere."""
    secrets: Secrets = Secrets()
    backups: tuple[BackupServer, ...] = ()
    """The backup servers; empty if nothing of this run uses any."""
    monitoring: Monitoring | None = None
    """What raises alerts; ``None`` if nothing of this run asks for any."""
    programs: Programs = Programs()
    """Programs that drills start themselves."""
    api: ApiProfile = field(default_factory=known.shipped)
    """The dialect that the platform's API speaks."""
    authority: str = ""
    """Path of the certificate authority (PEM) that issued the edges' certificates, and the only one that is trusted; empty: those of the system are."""
    files: str = ""
    """The directory in which the application keeps its files; empty for a platform that the harness does not run."""
    cluster: ClusterInUse | None = None
    """The Kubernetes cluster on which the platform runs, if its environment file describes it."""
    configuration: tuple[str, ...] = ()
    """The directories of the settings, keys and certificates from which the parts start."""

    @classmethod
    def elsewhere(cls, id: str, name: str, root: str, topology: Topology, regions: Mapping[str, str]) -> Deployment:
        """A platform that the harness does not run, of which nothing is known but its address in each region."""
        edges = tuple(Edge(region, url, "", "") for region, url in regions.items())
        return cls(
            id=id,
            name=name,
            kind="remote",
            root=root,
            topology=topology,
            processes=(),
            members=(),
            stores=(),
            sentinels=(),
            links=(),
            edges=edges,
            payments=Payments("", "", ""),
            etcd_ports=(),
            database="",
            user="",
        )

    def process(self, name: str) -> Process:
        """The process of this name. Raises :class:`KeyError` naming what exists."""
        for process in self.processes:
            if process.name == name:
                return process
        raise KeyError(f"{name!r}; this environment has {', '.join(p.name for p in self.processes)}")

    def owned_by(self, region: str) -> Iterator[Process]:
        """Every process inside a region's failure domain."""
        return (process for process in self.processes if process.region == region)

    def way(self, url: str) -> Proxy | None:
        """The proxy for requests to this URL; ``None`` when there is none."""
        return self.proxy if urlsplit(url).hostname in {urlsplit(edge.url).hostname for edge in self.edges} else None

    def edge(self, region: str) -> Edge:
        """The public endpoint of a region."""
        return next(edge for edge in self.edges if edge.region == region)

    def save(self, directory: Path | None = None, *, accounts: bool = True) -> Path:
        """Write the file atomically into the root or another directory: readers see either the old or the new one.

        With accounts, which have passwords, only this user can read it.
        """
        path = (directory or Path(self.root)) / FILE
        told = self if accounts else replace(self, accounts=())
        write_atomically(path, _CODEC.dump_json(told, indent=1), 0o600 if told.accounts else 0o666)
        return path


_CODEC = TypeAdapter(Deployment)
_ROUTING = TypeAdapter(Routing)


def routing_of(deployment: Deployment) -> Routing:
    """Where ranges of franchises were moved to. Raises :class:`OSError`, or :class:`closeshave.files.jsonfile.Damaged` for a file that does not say it."""
    path = deployment.application.routing
    try:
        return jsonfile.read(Path(path), _ROUTING) if path else Routing()
    except FileNotFoundError:
        return Routing()


def reroute(deployment: Deployment, routing: Routing) -> None:
    """Replace the routing from which every instance reads: from then on it is in force. Raises :class:`OSError`."""
    write_atomically(Path(deployment.application.routing), _ROUTING.dump_json(routing, indent=1))


def load(root: Path) -> Deployment:
    """Read the deployment under ``root``. Raises :class:`FileNotFoundError`, or :class:`closeshave.files.jsonfile.Damaged` when it is not one."""
    return jsonfile.read(root / FILE, _CODEC)
