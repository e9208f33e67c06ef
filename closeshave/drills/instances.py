"""Which instances of the application have read the routing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from closeshave.clients import ports
from closeshave.control import processes
from closeshave.deployment import Deployment, Process
from closeshave.faults.waiting import until

TIMEOUT_S = 0.4
LOOK_S = 0.02


def wait_until_read(deployment: Deployment, version: int, deadline_ns: int) -> tuple[str, ...]:
    """Wait until every running instance says that it has read this version of the routing; those that have not, when the time is over."""
    left = tuple(process for process in deployment.processes if process.role == "app")

    def read() -> bool:
        nonlocal left
        with ThreadPoolExecutor(16) as pool:
            told = tuple(pool.map(lambda each: version_of(deployment, each), left))
        left = tuple(each for each, seen in zip(left, told, strict=True) if seen is not None and seen < version)
        return not left

    until(read, deadline_ns, LOOK_S)
    return tuple(each.name for each in left)


def version_of(deployment: Deployment, process: Process) -> int | None:
    """The version that an instance has read, as it says itself; -1 if it does not answer, ``None`` if it does not run."""
    try:
        return int(ports.CLIENT.get(ports.url(process.ports[0], "/health"), timeout=TIMEOUT_S).raise_for_status().json()["routing"])
    except (ports.Failed, ValueError, KeyError, TypeError):
        return None if processes.find(Path(deployment.root), process) is None else -1
