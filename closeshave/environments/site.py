"""What every driver needs to know to describe its processes: where, what, with which programs, on which ports. No effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from closeshave.environments.addresses import ONE_MACHINE, Addresses
from closeshave.environments.parts import Parts
from closeshave.environments.ports import Book
from closeshave.environments.stack import Stack

SERVER_NICE = 5
"""The load generator shares the machine and has to keep its schedule: every server yields to it."""
APP_NICE = 10
"""Applications yield to the servers: a starved etcd would demote healthy primaries."""


@dataclass(frozen=True, slots=True)
class Site:
    """One environment about to be described."""

    id: str
    root: Path
    definition: Stack
    parts: Parts
    ports: Book
    addresses: Addresses = ONE_MACHINE

    @property
    def bind(self) -> str:
        """The address that servers listen on."""
        return self.addresses.bind

    def address(self, name: str, seen_from: str | None = None) -> str:
        """Where the part ``name`` is reached from the region ``seen_from``; without one, the address that works from any region."""
        return self.addresses.of(name, seen_from)

    def config(self, name: str) -> Path:
        """Where the file ``name`` of settings lies."""
        return self.root / "config" / name

    def data(self, name: str) -> Path:
        """Where the part ``name`` keeps its state."""
        return self.root / "data" / name


def placed(prefix: str, regions: Iterable[str]) -> Iterator[tuple[str, str]]:
    """A name and the region for each of several like parts; a second one in the same region is that region's second zone, ``-b``."""
    seen: Counter[str] = Counter()
    for region in regions:
        zone = f"-{chr(ord('a') + seen[region])}" if seen[region] else ""
        seen[region] += 1
        yield f"{prefix}-{region}{zone}", region
