"""When data last arrived at each port, for listeners on this machine or in containers: a network namespace shows only its own connections."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from closeshave.control import engine, processes, sockets
from closeshave.control.engine.entering import enter
from closeshave.control.engine.sidecar import run_sidecar
from closeshave.deployment import Deployment, Process


def heard_ms(deployment: Deployment, names: Iterable[str]) -> dict[int, int]:
    """The result of :func:`sockets.heard_ms` in the network namespaces of these processes.

    Raises :class:`OSError` if the kernel does not report it.
    """
    wanted = set(names)
    contained = [process for process in deployment.processes if process.name in wanted and process.container]
    heard = sockets.heard_ms() if len(contained) < len(wanted) else {}
    with ThreadPoolExecutor(max(1, len(contained))) as pool:
        for found in pool.map(lambda process: _heard_by(deployment, process), contained):
            heard |= found
    return heard


def _heard_by(deployment: Deployment, process: Process) -> dict[int, int]:
    first = processes.find(Path(deployment.root), process)
    printed = enter(first.pid, [sys.executable, "-I", "-S", sockets.__file__]) if first else None
    return {int(port): ago_ms for port, ago_ms in json.loads(printed or _printed_by_sidecar(deployment, process)).items()}


def _printed_by_sidecar(deployment: Deployment, process: Process) -> str:
    """Entering its network namespace needs privileges; if this process has none, the engine does it."""
    assert process.container is not None
    # The databases' image, because it has Python, which an application's image may not have.
    image = next(other.container.image for other in deployment.processes if other.role == "patroni" and other.container is not None)
    try:
        return run_sidecar(process.container.name, image, ["python3", "-c", Path(sockets.__file__).read_text(encoding="utf-8")])
    except engine.EngineFailed as error:
        raise OSError(str(error)) from error
