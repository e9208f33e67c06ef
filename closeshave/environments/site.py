"""What every driver needs to know to describe its processes: where, what, with which programs, on which ports. No effects."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from closeshave.environments.parts import Parts
from closeshave.environments.ports import Book
from closeshave.environments.stack import Stack

SERVER_NICE = 5
"""The load generator shares the machine and has to keep its schedule: every server yields to it."""
APP_NICE = 10
"""Applications yield to the servers: a starved etcd would demote healthy primaries."""

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Site:
    """One environment about to be described."""

    id: str
    root: Path
    definition: Stack
    parts: Parts
    ports: Book

    def config(self, name: str) -> Path:
        """Where the file ``name`` of settings lies."""
        return self.root / "config" / name

    def data(self, name: str) -> Path:
        """Where the part ``name`` keeps its state."""
        return self.root / "data" / name


def python_environ() -> dict[str, str]:
    """What a Python process of an environment needs to find this package: parts run with another working directory than the harness."""
    home = Path(__file__).parents[2]
    if home.name in {"site-packages", "dist-packages"}:
        return {}
    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path not in {"", str(home)}]
    return {"PYTHONPATH": os.pathsep.join((str(home), *others))}


def placed(prefix: str, regions: Iterable[str]) -> Iterator[tuple[str, str]]:
    """A name and the region for each of several like parts; a second one in the same region is that region's second zone, ``-b``."""
    seen: Counter[str] = Counter()
    for region in regions:
        zone = f"-{chr(ord('a') + seen[region])}" if seen[region] else ""
        seen[region] += 1
        yield f"{prefix}-{region}{zone}", region
