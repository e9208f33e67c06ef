"""The description of a running environment: which parts exist, where they listen, how to start each again.

The environment writes this file when it has started; traffic, faults and judges read it. Besides the plan and the history it is the only thing that
these packages share. It says where parts *are*, never which role they have now: roles change, so ask Patroni or Sentinel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, WithJsonSchema

from closeshave.api import known
from closeshave.api.profile import ApiProfile
from closeshave.files import jsonfile, write_atomically
from closeshave.files.yamlfile import STRICT, Count, Flag, Lasting, Place, WholeNumber, stated, whole
from closeshave.plan import FAULT_KIND
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


def barber_id(value: object) -> int | str:
    """The ID of a barber: a number from 1 on, or text that is none. Raises :class:`ValueError`."""
    if isinstance(value, str) and value and not value.isdecimal():
        return value
    number = whole(value)
    if number < 1:
        raise ValueError(f"{value!r} is too little: a barber's number is at least 1")
    return number


BarberId = Annotated[
    int | str, BeforeValidator(barber_id), WithJsonSchema({"type": ["string", "integer"], "minLength": 1, "minimum": 1, "maximum": 10**9})
]
"""The ID of a barber as the platform states it."""


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
    """One Valkey node. ``group`` is its name in Sentinel: a tier, or the part of a tier that stays inside one region."""

    process: str
    tier: str
    """``cache``, ``sessions``, ``ratelimit`` or ``broker``."""
    group: str
    region: str
    port: int


@dataclass(frozen=True, slots=True)
class Sentinel:
    """One Sentinel process."""

    process: str
    region: str
    port: int


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


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a platform's API can do and allows; by default everything, as for the stand-in."""

    __pydantic_config__ = STRICT

    franchises: Flag = True
    """``X-Franchise-Id`` chooses the franchise, and answers state their region, shard, cache and times in headers."""
    keyed_bookings: Flag = True
    """``Idempotency-Key`` works for appointments."""
    forwarded_for: Flag = True
    """Each customer can have its own address in ``X-Forwarded-For``; otherwise all share the harness's address and its limits."""
    steps_off: tuple[str, ...] = ()
    """Operations that this platform does not support, such as ``pay_intent``; a journey leaves them out."""
    ready_by: Literal["code", "body"] = "code"
    """Whether ``/health/ready`` reports readiness by its status code, or only by ``status`` in its body."""
    limits: Mapping[str, Annotated[str, stated(pattern=r"^\d{1,9} per (\d+(ms|s|m|h|d))+$")]] = field(default_factory=dict)
    """Stated limits per client address where they differ from the API's: operation → ``30 per 1h``."""
    slots_by_barber: Flag = True
    """A list of one barber's free times can be requested; otherwise such lists are empty, and only the list merged over all barbers has free times."""
    zone: str | None = None
    """IANA name of the zone in which the business states dates and times, such as ``America/New_York``; ``None`` if unknown."""
    idle_barbers: tuple[BarberId, ...] = ()
    """Listed barbers who accept no bookings, such as an administrator; customers do not book with them."""
    slots_per_day: Count | None = None
    """How many times of one franchise can be booked on one day, those of all its barbers together. Stated, `closeshave validate` says whether there are
    enough for the canaries; otherwise a run finds out before its load."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """How an instance of the application says that it can serve customers. Balancers ask it all the time, so it must be cheap."""

    __pydantic_config__ = STRICT

    path: Annotated[str, stated(pattern="^/")] = "/health/ready"
    """A GET without credentials."""
    status: Annotated[WholeNumber, stated(minimum=100, maximum=599)] = 200
    """The HTTP status of an instance that is ready. Any other means that it is not."""
    body: str = ""
    """A text that the answer of a ready instance contains, for an application that answers with the same status in any case."""
    within: Lasting = 60.0
    """How long an instance may take from its start until it is ready; after it the start of the environment fails."""

    def met(self, status: int, body: str) -> bool:
        """Whether an answer says that the instance is ready."""
        return status == self.status and self.body in body


@dataclass(frozen=True, slots=True)
class VersionAt:
    """Where a running instance says which release it is: in a header of an answer, or in a member of its JSON."""

    __pydantic_config__ = STRICT

    path: Annotated[str, stated(pattern="^/")] = "/health"
    """A GET without credentials."""
    header: str = ""
    """The header that holds the version. Either this or ``member``."""
    member: str = ""
    """The member of the JSON that holds the version, nested ones by dots: ``build.version``. Either this or ``header``."""


@dataclass(frozen=True, slots=True)
class LiveUpdates:
    """How customers follow their bookings by WebSocket."""

    path: str
    """Of the handshake, with the customer's bearer token. Each message is a JSON object; one with ``booking`` and ``version`` is an update."""
    within_s: float
    """How long an update may take after the change, or after the customer is connected again."""


@dataclass(frozen=True, slots=True)
class RunnableRelease:
    """A release of the application, ready to start."""

    version: str
    """What its instances say by :attr:`Application.version`; empty if the file does not state it, and nobody asked them yet."""
    processes: tuple[Process, ...]
    """Every instance, and every worker, as it runs in this release, under its usual name."""


@dataclass(frozen=True, slots=True)
class Application:
    """The application of an environment that the harness runs: how its instances are asked, and what can be done with them."""

    readiness: Readiness = Readiness()
    probe: str = "/api/v2/locations/"
    """A path that anybody may read and that needs the database, asked of single instances to see whether they serve."""
    version: VersionAt | None = None
    declared: str = ""
    """The name of the release that the section of the environment file describes; empty in a deployment of an older version."""
    release: str = ""
    """The name of the release whose processes the deployment has now: the declared one, until another is rolled out."""
    releases: Mapping[str, RunnableRelease] = field(default_factory=dict)
    """By name, the declared one too."""
    preload: tuple[str, ...] = ()
    """What one interpreter imports before it forks all instances of a rollout; empty where a release needs a program of its own for each."""
    live: LiveUpdates | None = None
    """How customers follow their bookings; ``None`` if they cannot."""
    instructions: Mapping[str, str] = field(default_factory=dict)
    """Process → the file in which it looks for an operator's instructions while it runs. Empty if the application takes none."""
    routing: str = ""
    """The file in which every instance looks for the ranges of franchises that were moved to another shard. Empty if the application reads none."""


@dataclass(frozen=True, slots=True)
class Expect:
    """What the answer to a call must contain: a status, or members of its JSON. A text search alone could match an answer of a broken platform."""

    __pydantic_config__ = ConfigDict(**STRICT, json_schema_extra={"anyOf": [{"required": ["status"]}, {"required": ["members"]}]})

    status: Annotated[WholeNumber, stated(minimum=100, maximum=599)] | None = None
    """The status of the HTTP answer; any other status is a failure. A command has none."""
    members: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    """Path in the JSON of the answer or output → expected value: ``checks.database.status: healthy``; a number chooses from a list."""

    def __post_init__(self) -> None:
        if self.status is None and not self.members:
            raise ValueError("expect needs a status, like {status: 200}, or members, like {members: {checks.database: healthy}}")
        if self.status is not None and not 100 <= self.status <= 599:
            raise ValueError(f"{self.status} is not an HTTP status; write 100 to 599")


ExperimentPart = Literal["method", "rollbacks", "steady-state", "deviation"]
"""What of a Chaos Toolkit experiment a call runs."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a hook: a command (without a shell), an HTTP request, or a part of a Chaos Toolkit experiment."""

    __pydantic_config__ = ConfigDict(
        **STRICT, json_schema_extra={"oneOf": [{"required": ["command"]}, {"required": ["http"]}, {"required": ["experiment"]}]}
    )

    command: tuple[str, ...] = ()
    """The program and its arguments, one text each; no shell runs it, and it gets the environment variables of the command's caller. Either this,
    ``http`` or ``experiment``."""
    http: str | None = None
    """URL of an HTTP request. Either this, ``command`` or ``experiment``."""
    experiment: str | None = None
    """A Chaos Toolkit experiment (YAML or JSON) beside the environment file, or at an absolute path. Either this, ``command`` or ``http``."""
    part: ExperimentPart | None = None
    """What of the experiment is run: ``method`` (its actions must succeed), ``rollbacks`` (all must succeed), ``steady-state`` (succeeds while the
    steady-state hypothesis is met) or ``deviation`` (succeeds while it is not met). By default ``inject`` runs the method, ``undo`` the rollbacks,
    ``heal_check`` the steady state, and ``observe`` the deviation."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    """Of the HTTP request."""
    headers_from: Mapping[str, str] = field(default_factory=dict)
    """Header → name of the environment variable that holds its value: secrets are never written in a file."""
    body: str = ""
    """Of the HTTP request, as text."""
    expect: Expect | str | None = None
    """The expected answer, or a text that it must contain. Without it, exit code 0 or a 2xx is a success."""
    timeout: Lasting = 30.0
    """After it the call is ended, with every process that it started, and counts as failed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that reports when the old primary has ended."""

    __pydantic_config__ = STRICT

    asked: Call
    """Succeeds once the old primary cannot acknowledge any more."""


UNSAID = Call()
"""A call that a file leaves out."""
PARTS: Mapping[str, ExperimentPart] = {"inject": "method", "observe": "deviation", "undo": "rollbacks", "heal_check": "steady-state"}
"""What of an experiment each call of a fault's hook runs."""
DRILL_PARTS: Mapping[str, ExperimentPart] = {
    "start": "method",
    "status": "steady-state",
    "finish": "method",
    "verify": "steady-state",
    "abort": "rollbacks",
    "heal_check": "steady-state",
}
"""The same for a drill's hook."""
_ALL_CALLED: dict[str, Any] = {"required": ["observe", "undo", "heal_check"]}
_BY_EXPERIMENT: dict[str, Any] = {"properties": {"inject": {"required": ["experiment"]}}}


@dataclass(frozen=True, slots=True)
class Hook:
    """How one kind of fault is injected by calls that an operator provides: commands, HTTP requests, or a Chaos Toolkit experiment."""

    __pydantic_config__ = ConfigDict(**STRICT, json_schema_extra={"anyOf": [_ALL_CALLED, _BY_EXPERIMENT]})

    kind: str
    """A kind of the catalogue, such as ``shard.primary-killed``."""
    scope: Mapping[str, Place]
    """The part that the hook breaks. A fault of a plan needs a hook with exactly its scope."""
    inject: Call
    """Breaks it."""
    observe: Call = UNSAID
    """Succeeds while the fault is in effect. Shares nothing with ``inject``. Where ``inject`` is an experiment, it is by default: its steady state
    is not met."""
    undo: Call = UNSAID
    """Repairs it, or waits until the platform has. It is called in any case, and may be called more than once. Where ``inject`` is an experiment, it is
    by default its rollbacks."""
    heal_check: Call = UNSAID
    """Succeeds once the platform is healthy again. Where ``inject`` is an experiment, it is by default: its steady state is met."""
    observed_within: Lasting = 30.0
    """How long after the injection ``observe`` may take to succeed; after it the fault was *not observed*."""
    healed_within: Lasting = 300.0
    """How long ``undo`` and ``heal_check`` may take together, until the fault counts as not healed."""
    lasting: Flag = True
    """Whether the fault stays in effect until it is undone; false for one that the platform repairs by itself, such as a deleted pod."""
    ends: Literal["at-once", "when-observed"] | Asked | None = None
    """When the old primary has stopped acknowledging: at the return of ``inject``, when ``observe`` first succeeds, or when another call reports it.

    If it is left out, it is at some time between the start of ``inject`` and the first sign: a failed request, the observation, a promotion.
    """

    def __post_init__(self) -> None:
        for name, part in PARTS.items():
            call: Call = getattr(self, name)
            if call == UNSAID and name != "inject" and self.inject.experiment is not None:
                call = Call(experiment=self.inject.experiment, timeout=self.inject.timeout)
            if call.experiment is not None and call.part is None:
                object.__setattr__(self, name, replace(call, part=part))

    @property
    def calls(self) -> Mapping[str, Call]:
        """Every call by its key."""
        found = {name: getattr(self, name) for name in PARTS}
        return {**found, "ends": self.ends.asked} if isinstance(self.ends, Asked) else found

    def below(self, directory: Path) -> Hook:
        """The same with the paths of its experiments counted from ``directory``."""
        there = {
            name: replace(call, experiment=str(directory / call.experiment))
            for name in PARTS
            if (call := getattr(self, name)).experiment is not None
        }
        return replace(self, **there)


@dataclass(frozen=True, slots=True)
class DrillHook:
    """How a drill is carried out by calls that the platform's operator provides, like those of a hook for a fault."""

    __pydantic_config__ = STRICT

    kind: Annotated[str, stated(pattern=FAULT_KIND)]
    """``family.name``: one of the catalogue of drills, such as ``restore.latest``, or a name of your own. A kind of fault is none."""
    start: Call
    """Begins the procedure. It may return at once; without ``status`` the procedure is done when it has returned."""
    verify: Call
    """Succeeds once the end state is as it must be. Shares nothing with ``start`` and ``finish``. It must not succeed before the drill: it would prove
    nothing."""
    abort: Call
    """Brings the platform back to a safe state. It must be safe at any instant, and may be called more than once: when the drill is given up, by the
    janitor when the harness was killed, and after the drill too, unless it ``stays``."""
    heal_check: Call
    """Succeeds while the platform is in a safe state: before the drill, and after it. It must not succeed while the drill is under way: it could not say
    whether it is over."""
    scope: Mapping[str, Place] = field(default_factory=dict)
    """The part that the procedure works on. A drill of a plan needs a hook with exactly its scope."""
    status: Call = UNSAID
    """Succeeds once the procedure that ``start`` began is done. Asked once a second, until the drill's ``limit``."""
    finish: Call = UNSAID
    """The last step, after ``status``: it switches to what was prepared, for instance. Left out, there is none."""
    stays: Flag = False
    """Whether the end state stays once ``verify`` has proven it, as after a move for good: then ``abort`` is not called any more."""
    verified_within: Lasting = 30.0
    """How long ``verify`` may take to succeed after the last step; after it the end state is not as it must be."""
    healed_within: Lasting = 300.0
    """How long ``abort`` and ``heal_check`` may take together, until the drill counts as not put back."""

    def __post_init__(self) -> None:
        if not re.fullmatch(FAULT_KIND, self.kind):
            raise ValueError(f"kind {self.kind!r}: write family.name, like database.failover")
        for name, part in DRILL_PARTS.items():
            call: Call = getattr(self, name)
            if call.experiment is not None and call.part is None:
                object.__setattr__(self, name, replace(call, part=part))

    @property
    def calls(self) -> Mapping[str, Call]:
        """Every call by its key, without those that are left out."""
        found = {name: getattr(self, name) for name in DRILL_PARTS}
        return {name: call for name, call in found.items() if call != UNSAID or name not in {"status", "finish"}}

    def below(self, directory: Path) -> DrillHook:
        """The same with the paths of its experiments counted from ``directory``."""
        there: dict[str, Any] = {
            name: replace(call, experiment=str(directory / call.experiment))
            for name, call in self.calls.items()
            if call.experiment is not None
        }
        return replace(self, **there)


@dataclass(frozen=True, slots=True)
class Proxy:
    """The HTTP proxy to a platform that this machine cannot reach directly."""

    __pydantic_config__ = STRICT

    url: Annotated[str, stated(pattern=r"^http://[^@/]+:\d+/?$")]
    """The proxy's own address, plain HTTP with its port: ``http://proxy.example.com:3128``."""
    login: str | None = None
    """Name of the environment variable that holds ``user:password`` for the proxy: secrets are never written in a file."""


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
    capabilities: Capabilities = Capabilities()
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
    application: Application = Application()
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
    configuration: tuple[str, ...] = ()
    """The directories of the settings, keys and certificates from which the parts start."""

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
