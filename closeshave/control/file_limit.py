"""Limits the size of files that processes write, and finds and frees processes with such a limit; see ``rlimits.py``.

In a container it is done from inside, as the user of the processes: from outside it would need privileges.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from closeshave.control import engine, processes, rlimits
from closeshave.deployment import Deployment, Process


def begin(deployment: Deployment, process: Process, bytes_max: int) -> list[int]:
    """Limit a process, its daemon and all their children, parents first; returns the process IDs of all that were limited."""
    return _inside(process, "limit", bytes_max) if process.container else rlimits.limit(_family(deployment, process), bytes_max)


def lift(deployment: Deployment, parts: Iterable[Process]) -> list[str]:
    """Remove the limits, parents first, until no process has one; returns those that had one, with their names."""
    return [
        f"{process.name} pid {pid}"
        for process in parts
        for pid in (_inside(process, "free") if process.container else rlimits.free(_family(deployment, process)))
    ]


def limited(deployment: Deployment, parts: Iterable[Process]) -> list[str]:
    """Those processes whose soft limit is below the hard one, each with the name of its process."""
    return [
        f"{process.name} pid {pid}"
        for process in parts
        for pid in (_inside(process, "limited") if process.container else rlimits.limited(_family(deployment, process)))
    ]


def _family(deployment: Deployment, process: Process) -> rlimits.Pids:
    return lambda: [identity.pid for identity in processes.family(Path(deployment.root), process)]


def _inside(process: Process, verb: str, *numbers: int) -> list[int]:
    """The IDs are those inside the container. In a container that does not run, no process is limited."""
    assert process.container is not None
    name = process.container.name
    if engine.alive(name) is None:
        return []
    program = Path(rlimits.__file__).read_text(encoding="utf-8")
    pids: list[int] = json.loads(engine.execute(name, ["python3", "-c", program, verb, *map(str, numbers)]))
    return pids
