"""Which parts of the environment run. Looked up in this machine's process table, by the environment's own records; no part is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from closeshave.control import processes
from closeshave.deployment import Deployment, Process
from closeshave.live.picture import PartShown

STOPPED = frozenset({"stopped", "tracing-stop"})
"""As the process table calls a process that a signal has stopped."""


def parts(deployment: Deployment) -> tuple[PartShown, ...] | None:
    """Every part, in the order of the deployment; ``None`` for a platform that runs elsewhere."""
    return tuple(_parts(deployment)) if deployment.processes else None


def _parts(deployment: Deployment) -> Iterator[PartShown]:
    root = Path(deployment.root)
    for process in deployment.processes:
        state = _state(root, process)
        yield PartShown(process.name, process.role, process.region or "", state == "running", state)


def _state(root: Path, process: Process) -> str:
    identity = processes.find(root, process)
    found = None if identity is None else identity.handle()
    if found is None:
        return "not running"
    if found.status() in STOPPED:
        return "stopped by a signal"
    if process.pid_file is not None and processes.daemon(root, process) is None:
        return "its server is not running"
    return "running"
