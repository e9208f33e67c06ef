"""Keep processes from growing any file beyond a size, and find and free processes with such a limit; see ``rlimits.py``.

In a container it is done from inside, as the user whose processes they are: from outside it would need privileges.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from closeshave.control import engine, processes, rlimits
from closeshave.deployment import Deployment, Process


def begin(deployment: Deployment, process: Process, bytes_max: int) -> tuple[str, ...]:
    """Limit a process, its daemon and all that they run, parents first; returns who was limited."""
    pids = _inside(process, "limit", bytes_max) if process.container else rlimits.limit(_family(deployment, process), bytes_max)
    return tuple(f"{process.name} pid {pid} can write at most {bytes_max} bytes into a file" for pid in pids)


def lift(deployment: Deployment, parts: Iterable[Process]) -> list[str]:
    """Remove the limits, parents first, until no process has one; returns those that had one, with their names."""
    return [
        f"{process.name} pid {pid}"
        for process in parts
        for pid in (_inside(process, "free") if process.container else rlimits.free(_family(deployment, process)))
    ]


def limited(deployment: Deployment, parts: Iterable[Process]) -> list[str]:
    """Who of these processes may not write as far into a file as it could, each with the name of its process."""
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
