"""The application in an environment file: what runs on the parts that the environment starts. The stand-in is one of these, like any other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from closeshave.api import known
from closeshave.deployment import Capabilities, Readiness, VersionAt
from closeshave.environments import placeholders
from closeshave.environments.remote.definition import Accounts
from closeshave.files.yamlfile import NAME, STRICT, Count, Flag, Lasting, Name, stated
from closeshave.vocabulary import LIVE

Setting = str | int | float | bool
"""The value of a variable, as people write it in YAML."""
EVERYTHING = Capabilities()
READY = Readiness()
FEW = Accounts(register=5)
CURRENT = "current"
"""The name of the release that a section describes, where it says none."""
BAD = "bad"
"""The release that ``service.bad-version`` rolls out."""
AT_START = ("PYTHON", "LD_", "MALLOC_", "GLIBC_")
"""Variables whose names begin with these act when a program starts, so a process that was forked does not notice them."""


def text_of(value: Setting) -> str:
    """The value of a variable as the process gets it: ``true`` and ``false`` in small letters."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Prepare:
    """Makes the tables and the data of a database before any instance runs: migrations and seeding, once for each shard."""

    __pydantic_config__ = STRICT

    command: Annotated[tuple[str, ...], stated(minItems=1)]
    """The program and its arguments, one text each. It must end by itself, with exit code 0."""
    variables: Mapping[str, Setting] = field(default_factory=dict)
    """Variable → value, besides those of the application that have no other placeholders than these."""
    within: Lasting = 120.0
    """How long it may take for one shard; then it is ended, and the start fails."""
    depends: tuple[str, ...] = ()
    """Files whose contents decide whether a prepared database can be used again, as patterns: ``migrations/**/*.sql``. They count from the
    directory of the application. Without any, databases are prepared anew for each start."""


@dataclass(frozen=True, slots=True)
class WorkerOf:
    """A process beside the instances that serves no customers: a queue's consumer, a scheduler."""

    __pydantic_config__ = STRICT

    name: Name
    """Processes and logs are named after it: ``worker-NAME-REGION-0``."""
    command: Annotated[tuple[str, ...], stated(minItems=1)]
    """The program and its arguments, one text each."""
    variables: Mapping[str, Setting] = field(default_factory=dict)
    """Variable → value, besides those of the application that a worker can have."""
    count: Count = 1
    """Processes in each region."""
    regions: tuple[str, ...] = ()
    """The regions in which it runs; all by default."""
    starts: Literal["always", "used"] = "always"
    """``used``: a run that starts its environment itself starts this worker only if a fault or a drill of its plan needs background work, because it
    costs processor time. ``closeshave env up`` starts it in any case."""


@dataclass(frozen=True, slots=True)
class LiveUpdatesOf:
    """How customers are told of their bookings by WebSocket."""

    __pydantic_config__ = STRICT

    path: Annotated[str, stated(pattern="^/")]
    """The path of the handshake at an edge, which carries the customer's bearer token. Each message is a JSON object: an update has the members
    ``booking`` and ``version``, others are ignored. After a connection it tells of all bookings of the customer."""
    within: Lasting = 5.0
    """How long an update may take after the change was confirmed, or after the customer is connected again; at the end of a run it is waited for."""
    starts: Literal["always", "used"] = "always"
    """``used``: in a run that starts its environment itself, ``{live_updates}`` is ``on`` and customers follow only if a fault of the plan needs it."""


@dataclass(frozen=True, slots=True)
class ReleaseOf:
    """A named difference: how another release of the application is started."""

    __pydantic_config__ = STRICT

    command: tuple[str, ...] = ()
    """Another command; by default the same."""
    image: str | None = None
    """Another image; by default the same."""
    directory: str | None = None
    """Another working directory; a relative path counts from this file. By default the same."""
    variables: Mapping[str, Setting] = field(default_factory=dict)
    """Variables with other values."""
    version: str = ""
    """What its instances say by ``version`` of the application. A release that does not state it must say the same as the section's own: only its
    settings differ."""

    @property
    def differs(self) -> bool:
        """Whether it changes anything of how the application is started."""
        return bool(self.command or self.image or self.directory or self.variables)


@dataclass(frozen=True, slots=True)
class CachedPages:
    """How the contents of the cache are compared with the database: one key of the cache for each franchise."""

    __pydantic_config__ = STRICT

    prefix: str
    """The text before the franchise's number in its key, such as ``franchise:``."""
    query: str
    """A query whose only value is what the key should hold, as JSON; ``$1`` is the franchise."""


@dataclass(frozen=True, slots=True)
class JobsOf:
    """How it is read what became of the jobs that workers do for bookings."""

    __pydantic_config__ = STRICT

    query: Annotated[str, stated(minLength=1)]
    """A query for the primary of each shard that returns the jobs that bookings need, with the columns ``job, booking_id, franchise_id, kind, due_at,
    done_at, worker``: a row for each effect of a job, and one without ``done_at`` for a job without an effect. ``%(since_s)s`` is the start of the run
    in seconds since the epoch."""
    within: Lasting
    """How long after ``due_at`` a job may be done: one that is done later is late, and one that is not done then is lost. The final state is not read
    before, as long as a job is open."""


@dataclass(frozen=True, slots=True)
class FinalState:
    """How the final state is read: from the databases by a query, else through the API."""

    __pydantic_config__ = STRICT

    query: str = ""
    """A query for the primary of each shard that returns bookings with the columns ``id, barber_id, client_id, start_time, duration_minutes,
    status, created_at, price`` and where they exist ``franchise_id, version, idempotency_key``. ``%(tag)s`` is the text in the notes of every booking
    of the run, ``%(since_s)s`` the start of the run in seconds since the epoch."""
    api: Literal["customer", "admin", "none"] = "customer"
    """Without a query: each customer's own bookings, all bookings as an administrator, or none."""
    admin: str | None = None
    """Name of the environment variable that holds ``email:password`` of the administrator."""
    cached: CachedPages | None = None
    """How entries of the cache are compared with the databases; without it they are not."""
    jobs: JobsOf | None = None
    """How it is read what became of the jobs of workers; without it they are not judged."""
    resident_rows: str = ""
    """A query that counts the rows of the franchises from one ``%s`` to another, for regions whose rows may not leave them; empty: not counted."""


@dataclass(frozen=True, slots=True)
class ApplicationOf:
    """The booking application that runs on the environment's parts."""

    __pydantic_config__ = STRICT

    command: tuple[str, ...] = ()
    """The program of an instance and its arguments, one text each, without a shell. In containers it may be left out: then the image's own is run."""
    image: str | None = None
    """The image of an instance, for an environment in containers. Pull or build it before."""
    directory: str | None = None
    """The working directory; a relative path counts from this file. By default it is the directory of this file, in containers the image's own."""
    variables: Mapping[str, Setting] = field(default_factory=dict)
    """Environment variable → value. Texts may have placeholders, such as ``{database_url}`` and ``{port}``."""
    prepare: Prepare | None = None
    """Migrations and seeding, before the first start; without it the databases are empty."""
    workers: tuple[WorkerOf, ...] = ()
    """Background processes beside the instances."""
    readiness: Readiness = READY
    """How an instance says that it is ready."""
    version: VersionAt | None = None
    """How an instance says which release it is; a gate between two releases and ``service.bad-version`` need it."""
    release: Name = CURRENT
    """The name of the release that this section itself describes, with which the environment starts."""
    releases: Annotated[Mapping[str, ReleaseOf], stated(propertyNames={"pattern": NAME})] = field(default_factory=dict)
    """Other releases, by name: what differs from this section. ``closeshave gate`` compares two of them, ``closeshave env release`` rolls one out, and
    ``service.bad-version`` rolls out the one that is called ``bad``."""
    probe: Annotated[str, stated(pattern="^/")] = "/api/v2/locations/"
    """A path that anybody may read and that needs the database, asked of single instances to see whether they serve."""
    capabilities: Capabilities = EVERYTHING
    """What its API can do and allows, limits included."""
    accounts: Accounts = FEW
    """The customers' accounts, unless ``prepare`` writes them into ``{accounts_file}``; by default five are registered in each region."""
    read_back: FinalState = FinalState()
    """How the final state is read."""
    webhooks: str | None = None
    """The path to which the payment provider reports each capture; without it, it reports none."""
    tables: Literal["stand-in", "own"] = "own"
    """Whether its databases have the tables of the stand-in, by which ``shard.hot-row-locked`` finds the rows to lock, and
    ``shard.migrate-range`` the rows to move."""
    api: str = known.SHIPPED
    """The API that it speaks: the name of a profile in `scenarios/apis/`, or the path of one, from the environment file."""
    live_updates: LiveUpdatesOf | None = None
    """How customers follow their bookings by WebSocket; without it they do not."""
    patient: Flag = False
    """Whether an instance starts without its databases and caches and waits for them. Then it is started earlier."""
    preload: tuple[str, ...] = ()
    """Python modules of a command ``{python} -m MODULE``: one interpreter imports them once and forks the instances. Only for modules that start no
    threads, and read none of ``variables``, when they are imported."""

    def texts(self) -> tuple[str, ...]:
        """Every text of an instance that may have placeholders, those of its releases included."""
        releases = self.releases.values()
        values = [*self.variables.values(), *(value for release in releases for value in release.variables.values())]
        return (*self.command, *(word for release in releases for word in release.command), *map(text_of, values))

    @property
    def uses(self) -> frozenset[str]:
        """The placeholders of instances and workers."""
        words = [word for worker in self.workers for word in (*worker.command, *map(text_of, worker.variables.values()))]
        return frozenset(placeholders.used(*self.texts(), *words))

    @property
    def pays(self) -> bool:
        """Whether the payment provider is a part of the environment."""
        return "payments_url" in self.uses

    @property
    def writes_accounts(self) -> bool:
        """Whether the customers' accounts come from what prepares the databases."""
        made = self.prepare
        return made is not None and "accounts_file" in placeholders.used(*made.command, *map(text_of, made.variables.values()))

    @property
    def offers(self) -> frozenset[str]:
        """What faults may need of it; see :attr:`closeshave.faults.kind.Kind.uses`."""
        found = {
            "payments": self.pays,
            "webhooks": self.webhooks is not None,
            "tables": self.tables == "stand-in",
            "instructions": "operations_file" in self.uses,
            LIVE: self.live_updates is not None,
            "routing": "routing_file" in self.uses,
            "bad release": BAD in self.releases and self.version is not None,
        }
        return frozenset(name for name, there in found.items() if there)

    @property
    def names_of_releases(self) -> tuple[str, ...]:
        """The section's own release, and the others."""
        return (self.release, *self.releases)

    def as_release(self, name: str) -> ApplicationOf:
        """The section as it would be, if it described this release. Raises :class:`KeyError`."""
        if name == self.release:
            return self
        other = self.releases[name]
        return replace(
            self,
            command=other.command or self.command,
            image=other.image or self.image,
            directory=other.directory or self.directory,
            variables={**self.variables, **other.variables},
        )

    @property
    def forked(self) -> tuple[str, ...]:
        """What instances share in every release, so that a rollout may fork them from one interpreter. All of them or none: a forked process costs
        less than one that imports by itself, and releases are compared."""
        others = self.releases.values()
        apart = any(other.command or other.directory or any(name.startswith(AT_START) for name in other.variables) for other in others)
        return () if apart else self.preload

    def of_worker(self, worker: WorkerOf) -> Mapping[str, Setting]:
        """The variables of a worker: its own, and those of the application that a worker can have."""
        shared = {
            name: value
            for name, value in self.variables.items()
            if not placeholders.NOT_FOR_WORKERS & set(placeholders.used(text_of(value)))
        }
        return {**shared, **worker.variables}

    def while_preparing(self) -> Mapping[str, Setting]:
        """The variables of the command that prepares a database: its own, and those of the application that have a meaning there."""
        shared = {
            name: value for name, value in self.variables.items() if set(placeholders.used(text_of(value))) <= set(placeholders.IN_PREPARE)
        }
        return {**shared, **(self.prepare.variables if self.prepare else {})}


def commands(application: ApplicationOf) -> Iterator[tuple[tuple[str | int, ...], tuple[str, ...]]]:
    """Every command of the section, and where it stands."""
    if application.command:
        yield ("command",), application.command
    if application.prepare is not None:
        yield ("prepare", "command"), application.prepare.command
    for index, worker in enumerate(application.workers):
        yield ("workers", index, "command"), worker.command
    for name, release in application.releases.items():
        if release.command:
            yield ("releases", name, "command"), release.command
