"""The first environment file for an application of one's own: servers of a usual size, and what its owner says of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from closeshave.deployment import Readiness
from closeshave.operations import PAYING

REGION = "main"
TIERS = ("cache", "sessions", "ratelimit")
FRANCHISES = 100
"""Franchises of each database, if there are several: a guess."""
SENTINELS = 3


@dataclass(frozen=True, slots=True)
class Described:
    """What its owner says of an application."""

    command: tuple[str, ...] = ()
    """The program of an instance and its arguments; it may be empty if there is an image."""
    image: str = ""
    """Its image: then the environment is one of containers."""
    directory: str = ""
    """The working directory of its programs, as the file must name it; empty: the image's own."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variable → text with placeholders; empty: usual names are guessed."""
    prepare: tuple[str, ...] = ()
    """The program that makes tables and first data; empty: there is none."""
    worker: tuple[str, ...] = ()
    """The program of a process beside the instances; empty: there is none."""
    databases: int = 1
    caches: tuple[str, ...] = ("cache",)
    """Which of :data:`TIERS`."""
    instances: int = 2
    ready: str = Readiness().path
    """The path by which an instance says that it is ready."""
    version: str = ""
    """The path whose JSON holds the release; empty: it says none."""
    payments: bool = False
    """Whether it pays through the provider of the environment."""
    api: str = ""
    """The API profile, as the file must name it; empty: the one that ships."""
    books: bool = True
    """Whether customers book by the harness's journeys; otherwise a Locust file of the user's own loads it, and nobody needs an account."""


def variables(told: Described) -> dict[str, str]:
    """The variables of an instance: those that were told, or usual names for what it needs."""
    if told.variables:
        return dict(told.variables)
    shards = ("",) if told.databases == 1 else tuple(str(shard) for shard in range(1, told.databases + 1))
    found = {f"DATABASE_URL{shard and f'_{shard}'}": f"{{database_url{shard and f'.{shard}'}}}" for shard in shards}
    found |= {f"{tier.upper()}_URL": f"{{{tier}_url}}" for tier in told.caches}
    if told.payments:
        found["PAYMENTS_URL"] = "{payments_url}"
    return found | {"HOST": "{host}", "PORT": "{port}", "SECRET": "{secret}"}


def text(name: str, told: Described) -> str:
    """The file of an environment of this name."""
    lines = [*_servers(name, told), "", "application:", *(f"  {line}" for line in _application(told))]
    return "\n".join(lines) + "\n"


def _servers(name: str, told: Described) -> Iterator[str]:
    yield f"# {name}: real servers on this machine, and your application on them."
    yield f"kind: {'containers' if told.image else 'embedded'}"
    yield f"name: {name}"
    yield f"regions: [{REGION}]"
    several = told.databases > 1
    yield f"shards:{' # a guess: which franchises are in which database' if several else ''}"
    for shard in range(1, told.databases + 1):
        first, last = ((shard - 1) * FRANCHISES + 1, shard * FRANCHISES) if several else (1, 1)
        yield f"  - {{id: {shard}, first: {first}, last: {last}, home: {REGION}, standby: {REGION}}}"
    yield f"tiers:{'' if told.caches else ' []'}"
    for tier in told.caches:
        yield f"  - {{name: {tier}, tier: {tier}, primary: {REGION}, replica: {REGION}, serves: [{REGION}]}}"
    yield f"etcd: [{REGION}]"
    yield f"sentinels: [{', '.join([REGION] * SENTINELS)}]"
    yield f"apps_per_region: {told.instances}"


def _application(told: Described) -> Iterator[str]:
    if told.directory:
        yield f"directory: {_flow(told.directory)}"
    if told.image:
        yield f"image: {_flow(told.image)}"
    if told.command:
        yield f"command: {_flow(told.command)}"
    yield f"variables:{'' if told.variables else ' # a guess: write the names that your application reads'}"
    yield from (f"  {_flow(key)}: {_flow(value)}" for key, value in variables(told).items())
    if told.prepare:
        yield "prepare: # for each database, before the first start"
        yield f"  command: {_flow(told.prepare)}"
        yield "  within: 2m"
        yield "  # depends: [migrations/**/*.sql] # then a prepared database is used again until one of these files changes"
    else:
        yield "# prepare: {command: [program, migrate]} # makes tables and first data; without it the databases are empty"
    if told.worker:
        yield f"workers: [{{name: worker, command: {_flow(told.worker)}}}]"
    yield f"readiness: {{path: {_flow(told.ready)}}}"
    yield f"probe: {_flow(told.ready)} # better: a path that anybody may read and that needs the database"
    if told.version:
        yield f"version: {{path: {_flow(told.version)}, member: version}} # or header: NAME"
    if told.api:
        yield f"api: {_flow(told.api)}"
    able = [*(["franchises: false"] if told.databases == 1 else [])]
    able += [] if told.payments else [f"steps_off: [{', '.join(PAYING)}]"]
    if able:
        yield f"capabilities: {{{', '.join(able)}}}"
    if told.books:
        yield "accounts: {register: 5} # registered through the API; or {file: accounts.csv} with the columns email,password,region"
        yield "# read_back: {query: SELECT …} # better than the API: bookings as the database holds them"
    else:
        yield "accounts: {none: true} # nobody logs in; for the harness's own journeys {register: 5} or {file: accounts.csv}"
        yield "read_back: {api: none} # nobody said what a booking is"


def _flow(value: object) -> str:
    """In one line, as YAML reads it: JSON."""
    return json.dumps(value, ensure_ascii=False)
