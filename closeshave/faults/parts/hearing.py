"""Who has been heard lately, wherever the listener runs: a network namespace shows its own connections only."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from closeshave import engine
from closeshave.deployment import Deployment
from closeshave.engine.beside import beside
from closeshave.faults.parts import sockets


def heard_ms(deployment: Deployment, names: Iterable[str]) -> dict[int, int]:
    """What :func:`sockets.heard_ms` says where these processes listen: on this machine, or on the networks of each one's container.

    Raises :class:`OSError` where the kernel does not tell.
    """
    wanted = set(names)
    contained = {process.name: process.container.name for process in deployment.processes if process.name in wanted and process.container}
    heard = sockets.heard_ms() if wanted - contained.keys() else {}
    containers = list(contained.values())
    with ThreadPoolExecutor(max(1, len(containers))) as pool:
        for found in pool.map(lambda container: _heard_in(container, _image(deployment)), containers):
            heard |= found
    return heard


def _heard_in(container: str, image: str) -> dict[int, int]:
    """To enter its network namespace wants privileges, which the engine has."""
    try:
        printed = beside(container, image, ["python3", "-c", Path(sockets.__file__).read_text()])
    except engine.EngineFailed as error:
        raise OSError(str(error)) from error
    return {int(port): ago_ms for port, ago_ms in json.loads(printed).items()}


def _image(deployment: Deployment) -> str:
    """One that has Python: the applications'."""
    return next(process.container.image for process in deployment.processes if process.role == "app" and process.container is not None)
