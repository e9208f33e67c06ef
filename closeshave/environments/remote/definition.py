"""Environment files of kind ``remote``: which platform it is, what it can do, its caps, how its final state is read, and its operator's hooks."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, Protocol
from zoneinfo import available_timezones

from pydantic import Field

from closeshave.api import known
from closeshave.deployment import Capabilities, DrillHook, Hook, Proxy, Secrets
from closeshave.environments.hooks import CREDENTIALS, Location, address_of, variables, wrong_hooks
from closeshave.files.yamlfile import NAME, STRICT, Count, Flag, Lasting, Positive, WholeNumber, stated
from closeshave.topology import Shard, Topology

EVERYTHING = Capabilities()
QUERY = """
SELECT id, barber_id, client_id, start_time, duration_minutes, status, notes, created_at, price FROM appointments WHERE notes = %(tag)s
""".strip()
Stage = Literal["development", "staging", "production"]
SERVICE = r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$"
"""Where a service is: a host or an IPv6 address in brackets, and a port."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """How the platform identifies itself, so that a wrong address, or another platform at the same address, is noticed before it is loaded."""

    __pydantic_config__ = STRICT

    path: Annotated[str, stated(pattern="^/")]
    """A GET without credentials, such as ``/health``."""
    expect: Annotated[Mapping[str, str], stated(minProperties=1)]
    """Members of the JSON answer, nested ones by dots, and the text that each must have."""


@dataclass(frozen=True, slots=True)
class ShardAt:
    """A range of franchises and its home region; a platform without franchises needs none."""

    __pydantic_config__ = STRICT

    id: WholeNumber
    """The shard's number, as scopes of faults name it."""
    first: Count
    """The first franchise ID of its range. Ranges ascend from 1 without gap or overlap."""
    last: Count
    """The last franchise ID of its range."""
    home: str
    """The region of its primary, one of ``regions``."""
    standby: str | None = None
    """The region of its standby; the home region by default."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """The customers' accounts: listed in a file, or a number in each region that the harness registers; or none at all."""

    __pydantic_config__ = STRICT

    file: str | None = None
    """CSV with a header ``email,password,region``, next to the environment file or at an absolute path."""
    register: Annotated[WholeNumber, Field(le=1000)] = 0
    """Accounts to register in each region; the platform allows few an hour."""
    none: Flag = False
    """Nobody has an account or logs in: for what is no booking application. Only plans with a Locust file of the user's own run on it."""

    @property
    def wrong(self) -> str:
        """What is wrong with them, or would be right; empty when nothing is."""
        if self.none:
            return "none: true stands alone: leave out file and register" if self.file is not None or self.register else ""
        return (
            "" if self.file is not None or self.register else "give a file of accounts, how many to register in each region, or none: true"
        )


@dataclass(frozen=True, slots=True)
class ReadBack:
    """How the final state is read: from the databases if their addresses are given, else through the API."""

    __pydantic_config__ = STRICT

    sql: Mapping[WholeNumber, str] = field(default_factory=dict)
    """Shard → name of the environment variable that holds its connection string. The string itself is never written in a file."""
    query: str = QUERY
    """The query for each database; ``%(tag)s`` is the text in the notes of every booking of the run."""
    api: Literal["customer", "admin", "none"] = "customer"
    """Each customer's own bookings, all bookings as an administrator, or none."""
    admin: str | None = None
    """Name of the environment variable that holds ``email:password`` of the administrator."""


@dataclass(frozen=True, slots=True)
class Caps:
    """What no plan and no command can exceed on this platform."""

    __pydantic_config__ = STRICT

    requests_per_s: Positive
    """Requests per second of customers and canaries together. A plan that can send more is refused; a trial that sends more for ten seconds stops."""
    requests: Annotated[Count, Field(le=10**10)]
    """Requests of one run in all: a plan's ``limits.requests`` is at most this."""
    duration: Lasting
    """Length of one run: a plan's ``limits.duration`` is at most this."""
    regions_at_once: Annotated[WholeNumber, Field(le=1000)] = 0
    """Blast radius: how many regions may be affected at the same time."""
    shards_at_once: Annotated[WholeNumber, Field(le=1000)] = 0
    """Blast radius: shards that may be broken at the same time."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """The platform's own monitoring."""

    __pydantic_config__ = STRICT

    prometheus: Annotated[str, stated(pattern="^[^@]*$")] | None = None
    """Base URL of a Prometheus that scrapes it."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A platform that the harness does not run."""

    __pydantic_config__ = STRICT

    kind: Literal["remote"]
    """A platform that the harness does not run: it only sends requests to it, and calls its operator's hooks."""
    name: Annotated[str, stated(pattern=NAME)]
    """The name of the environment, as plans refer to it; on production it must be typed (``--confirm``)."""
    regions: Annotated[Mapping[str, Annotated[str, stated(pattern=r"^https?://[^@/?#]+/*$")]], stated(minProperties=1)]
    """Region → base URL without a path, in failover order."""
    fingerprint: Fingerprint
    """What shows that the address leads to this platform."""
    caps: Caps
    """What no plan and no command can exceed."""
    api: str = known.SHIPPED
    """The API that it speaks: the name of a profile in `scenarios/apis/`, or the path of one, from the environment file."""
    stage: Stage = "production"
    """Unknown counts as production, which needs a token and its name typed."""
    shards: tuple[ShardAt, ...] = ()
    """The ranges of franchises and their regions; one shard by default."""
    resident: tuple[str, ...] = ()
    """Regions whose rows may not leave them."""
    accounts: Accounts = Accounts(register=5)
    """The customers' accounts; by default five are registered in each region."""
    capabilities: Capabilities = EVERYTHING
    """What the platform's API can do and allows."""
    read_back: ReadBack = ReadBack()
    """How the final state is read."""
    hooks: tuple[Hook, ...] = ()
    """Faults that the platform's operator carries out; without one, a run has no faults here."""
    drill_hooks: tuple[DrillHook, ...] = ()
    """Drills that the platform's operator carries out; without one, a run has no drills here."""
    metrics: Metrics = Metrics()
    """Where the platform's own measurements are."""
    services: Mapping[str, Annotated[str, stated(pattern=SERVICE)]] = field(default_factory=dict)
    """Service → ``host:port``, as this machine reaches it. A probe tries whether it refuses whoever shows no certificate (mutual TLS)."""
    edge_ttl: Lasting | None = None
    """How long the CDN in front of it keeps a public answer at most. With it probes ask what the CDN keeps (`edge.*`); without it they are not asked."""
    proxy: Proxy | None = None
    """The proxy for requests to the regions' hosts; all other requests bypass it."""
    evidence: Literal["measured", "verified"] | None = None
    """Not used any more: what a run can show depends on what the running platform says of itself. Older files may still state it."""
    description: str = ""
    """A description for readers."""

    @property
    def topology(self) -> Topology:
        """The shards of franchises; a platform without franchises has one shard with one franchise in its first region."""
        regions = tuple(self.regions)
        shards = tuple(Shard(shard.id, shard.first, shard.last, shard.home, shard.standby or shard.home) for shard in self.shards)
        return Topology(regions, shards or (Shard(1, 1, 1, regions[0], regions[-1]),), self.resident)

    @property
    def identity(self) -> tuple[object, ...]:
        """What a token is valid for beside the name, the addresses and the fingerprint."""
        return ()

    @property
    def secrets(self) -> Secrets:
        """Every variable that the file names."""
        read, proxy = self.read_back, self.proxy
        reading = (*read.sql.values(), *((read.admin,) if read.admin else ()))
        return Secrets(reading, variables((*self.hooks, *self.drill_hooks)), (proxy.login,) if proxy and proxy.login else ())


def inconsistencies(definition: Remote) -> Iterator[tuple[Location, str]]:
    """What is wrong with a well-formed definition: where, and what would be right."""
    if not definition.regions:
        yield ("regions",), "name at least one region and its base URL"
        return
    for region, url in definition.regions.items():
        if (problem := wrong_url(url)) is not None:
            yield ("regions", region), problem
    if not definition.fingerprint.expect:
        yield (
            ("fingerprint", "expect"),
            "name at least one member of the answer: without it this platform cannot be distinguished from another",
        )
    if not definition.fingerprint.path.startswith("/"):
        yield ("fingerprint", "path"), "a path that begins with /"
    yield from _unknown_zone(definition)
    yield from _unknown_regions(definition)
    yield from _wrong_shards(definition)
    yield from _wrong_people(definition)
    yield from wrong_hooks(definition.hooks)
    yield from wrong_hooks(definition.drill_hooks, "drill_hooks")
    yield from _wrong_proxy(definition)
    yield from _wrong_services(definition)
    if "@" in (definition.metrics.prometheus or ""):
        yield ("metrics", "prometheus"), CREDENTIALS


def _unknown_zone(definition: Remote) -> Iterator[tuple[Location, str]]:
    zone = definition.capabilities.zone
    if zone is not None and zone not in available_timezones():
        yield ("capabilities", "zone"), f"{zone!r} is not a time zone; one looks like America/New_York, Europe/Madrid or UTC"


def _unknown_regions(definition: Remote) -> Iterator[tuple[Location, str]]:
    named: list[tuple[Location, str]] = [(("resident", index), region) for index, region in enumerate(definition.resident)]
    for index, shard in enumerate(definition.shards):
        named += [(("shards", index, "home"), shard.home), (("shards", index, "standby"), shard.standby or shard.home)]
    for location, region in named:
        if region not in definition.regions:
            yield location, f"{region!r} is not a region of this environment; available: {', '.join(definition.regions)}"


class FranchiseRange(Protocol):
    """What shards have in every kind of environment file."""

    @property
    def first(self) -> int:
        """The first franchise."""
        ...

    @property
    def last(self) -> int:
        """The last one."""
        ...


def broken_ranges(shards: Iterable[FranchiseRange]) -> Iterator[tuple[Location, str]]:
    """Shards whose franchises do not follow those of the shard before."""
    expected = 1
    for index, shard in enumerate(shards):
        if shard.first != expected or shard.last < shard.first:
            yield (
                ("shards", index, "first"),
                f"ranges must ascend without gap or overlap: this one must start at {expected} and must not be empty",
            )
        expected = shard.last + 1


def _wrong_shards(definition: Remote) -> Iterator[tuple[Location, str]]:
    yield from broken_ranges(definition.shards)
    known = {shard.id for shard in definition.topology.shards}
    for shard_id in definition.read_back.sql:
        if shard_id not in known:
            yield ("read_back", "sql", shard_id), f"there is no shard {shard_id}; available: {', '.join(map(str, sorted(known)))}"


def _wrong_people(definition: Remote) -> Iterator[tuple[Location, str]]:
    if definition.accounts.wrong:
        yield ("accounts",), definition.accounts.wrong
    if definition.read_back.api == "admin" and definition.read_back.admin is None:
        yield ("read_back", "admin"), "the name of the environment variable that holds email:password of the administrator"


def _wrong_proxy(definition: Remote) -> Iterator[tuple[Location, str]]:
    proxy = definition.proxy
    if proxy is None:
        return
    if "@" in proxy.url:
        yield ("proxy", "url"), f"{CREDENTIALS}: login names a variable that holds user:password"
    elif wrong_url(proxy.url) is not None or (parts := address_of(proxy.url)) is None or parts.scheme != "http" or not parts.port:
        yield ("proxy", "url"), "write the proxy's plain HTTP address with its port, like http://proxy.example.com:3128"
    for region, url in definition.regions.items():
        if _is_here(url):
            yield ("regions", region), "is this machine, which needs no proxy: leave proxy out"


def _wrong_services(definition: Remote) -> Iterator[tuple[Location, str]]:
    for name, address in definition.services.items():
        if not re.fullmatch(SERVICE, address) or not 0 < int(address.rpartition(":")[2]) < 65_536:
            yield ("services", name), f"{address!r} is no address with a port, like payments.internal.example.com:8443"


def _is_here(url: str) -> bool:
    """Whether a URL's host is this machine, by name or by address."""
    parts = address_of(url)
    host = (parts and parts.hostname) or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def wrong_url(url: str) -> str | None:
    """What is wrong with a base URL, and what would be right; ``None`` when nothing is. Pure."""
    if "@" in url:
        return CREDENTIALS
    parts = address_of(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        return f"{url!r} is not a base URL like https://api.example.com"
    if parts.path.strip("/") or parts.query or parts.fragment:
        return f"a base URL has no path: {parts.scheme}://{parts.netloc}"
    return None
