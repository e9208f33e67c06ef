"""The settings of one stand-in process at its start: a JSON file that the environment writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from closeshave.deployment import OPERATIONS, OVERRIDES
from closeshave.topology import Topology
from closeshave.vocabulary import STANDIN_VARIABLE

VARIABLE = STANDIN_VARIABLE
"""The environment variable that names the file."""


@dataclass(frozen=True, slots=True)
class StandinSettings:
    """Addresses are ports of :attr:`host` and :attr:`tiers_host`, which lead through this region's links and proxies."""

    instance: str
    region: str
    port: int
    topology: Topology
    primaries: Mapping[int, int]
    """Shard ID → port for its current primary."""
    replicas: Mapping[int, int]
    """Shard ID → port for a streaming standby; there may be none behind it."""
    caches: Mapping[str, int]
    """Home region of a franchise → port of the cache tier's primary that may hold its entries."""
    sessions: Mapping[str, int]
    """Home region of an account → port of the sessions tier's primary."""
    ratelimit: int
    payments_url: str
    """The provider's URL through this region's link."""
    database: str
    user: str
    signing_key: str
    """Path of the RS256 private key, PEM; all processes of the platform have the same."""
    defects: str
    """Path of a file that only tests write: names of planted defects, one per line. A missing file means none."""
    rate_limit_scale: float = 1.0
    """Multiplies the API's rate limits for each client address."""
    version: str = "1.0.0"
    pool_size: int = 4
    """Database connections per shard and per kind (primary, replica)."""
    host: str = "127.0.0.1"
    """The host of the databases' ports."""
    tiers_host: str = "127.0.0.1"
    """The host of the Valkey tiers' ports."""
    bind: str = "127.0.0.1"
    """The address that the process itself listens on."""
    operations: str = ""
    """Path of the file with an operator's instructions (:mod:`closeshave.standin.operations`); empty when there is none."""


@dataclass(frozen=True, slots=True)
class SeedSizes:
    """How large a seeded platform is."""

    barbers_per_franchise: int = 3
    accounts_per_region: int = 60
    password: str = field(default="correct horse battery staple", repr=False)


_CODEC = TypeAdapter(StandinSettings)


def save(path: Path, settings: StandinSettings) -> None:
    """Write the file for one process."""
    path.write_bytes(_CODEC.dump_json(settings, indent=1))


def load(path: Path) -> StandinSettings:
    """Read the file. Raises :class:`ValueError` (pydantic's) for an invalid one."""
    return _CODEC.validate_json(path.read_bytes())


def of_process(environ: Mapping[str, str]) -> StandinSettings:
    """The settings of a process with these environment variables: its file, settings that override the file, and the file with an operator's
    instructions.

    Raises :class:`KeyError` when no file is named, and :class:`ValueError` when something cannot be read.
    """
    said = json.loads(Path(environ[VARIABLE]).read_bytes())
    return _CODEC.validate_python({**said, **json.loads(environ.get(OVERRIDES, "{}")), "operations": environ.get(OPERATIONS, "")})
