"""The interpreter for parts written in Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from closeshave.environments.servers import toxiproxy_start, valkey_start

HOME = Path(__file__).parents[2]
"""The directory that contains this package."""


def python_environ() -> dict[str, str]:
    """Environment variables with which a Python process of an environment finds this package: it runs in another working directory than the harness."""
    if HOME.name in {"site-packages", "dist-packages"}:
        return {}
    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path not in {"", str(HOME)}]
    return {"PYTHONPATH": os.pathsep.join((str(HOME), *others))}


@dataclass(frozen=True, slots=True)
class Python:
    """Where a part finds Python and this package. By default the same as for the harness."""

    program: str = sys.executable
    environ: Mapping[str, str] = field(default_factory=python_environ)
    valkey_start: str = valkey_start.__file__
    """The launcher of Valkey nodes, which needs nothing of this package."""
    toxiproxy_start: str = toxiproxy_start.__file__
    """That of the Toxiproxy of an entrance, which needs nothing of it either."""
    harness: str = str(HOME)
    """The directory in which it finds this package."""
