"""What every module of ``servers/`` needs to describe its processes: directory, definition, programs, ports, addresses. No effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from closeshave.environments.addresses import ONE_MACHINE, Addresses
from closeshave.environments.parts import Parts
from closeshave.environments.ports import PortAllocator
from closeshave.environments.stack import Stack

SERVER_NICE = 5
"""Niceness of servers: the load generator runs on the same machine and must keep its schedule."""
APP_NICE = 10
"""Niceness of applications, above that of the servers: an etcd without processor time would demote healthy primaries."""


@dataclass(frozen=True, slots=True)
class Site:
    """One environment that is being described."""

    id: str
    root: Path
    definition: Stack
    parts: Parts
    ports: PortAllocator
    addresses: Addresses = ONE_MACHINE

    @property
    def bind(self) -> str:
        """The address that servers listen on."""
        return self.addresses.bind

    def address(self, name: str, seen_from: str | None = None) -> str:
        """The address of the part ``name`` as seen from the region ``seen_from``; without a region, the address that works from any."""
        return self.addresses.of(name, seen_from)

    def config(self, name: str) -> Path:
        """The path of the settings file ``name``."""
        return self.root / "config" / name

    def data(self, name: str) -> Path:
        """The directory of the state of the part ``name``."""
        return self.root / "data" / name


def placed(prefix: str, regions: Iterable[str]) -> Iterator[tuple[str, str]]:
    """A name and the region for each of several similar parts; a second one in the same region is in that region's second zone, ``-b``."""
    seen: Counter[str] = Counter()
    for region in regions:
        zone = f"-{chr(ord('a') + seen[region])}" if seen[region] else ""
        seen[region] += 1
        yield f"{prefix}-{region}{zone}", region
