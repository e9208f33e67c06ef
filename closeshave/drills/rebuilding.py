"""Parts that are built anew from nothing: their data is removed, and they copy it from those that are left."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from closeshave.clients.address import HOST
from closeshave.control import processes
from closeshave.deployment import BackupServer, Deployment, Process
from closeshave.drills import base_backup
from closeshave.drills.kind import DrillFailed

PACKAGE = Path(__file__).parents[2]
REJOIN = "closeshave.environments.servers.etcd_rejoin"
"""The program that takes a member out of etcd, adds it again without data, and starts it."""
FIRST_BASE = "000001"


@contextlib.contextmanager
def emptying(deployment: Deployment, region: str) -> Iterator[None]:
    """Note in the environment that a region is being emptied, until it is: half of a database's files must not be started. Raises :class:`OSError`."""
    note = _note(deployment, region)
    note.touch()
    yield
    note.unlink()


def finish_emptying(deployment: Deployment, region: str, parts: Iterable[Process]) -> bool:
    """Remove what is left of the parts that do not run, if a drill was killed while it emptied their region; whether it was. Raises :class:`OSError`."""
    if not _note(deployment, region).exists():
        return False
    root = Path(deployment.root)
    empty(deployment, [part for part in parts if processes.find(root, part) is None and processes.daemon(root, part) is None])
    _note(deployment, region).unlink()
    return True


def _note(deployment: Deployment, region: str) -> Path:
    return Path(deployment.root, "data", f"emptying-{region}")


def empty(deployment: Deployment, parts: Iterable[Process]) -> tuple[str, ...]:
    """Remove what these parts have stored; the names of those that had anything. Directories stay, because their owners differ. Raises :class:`OSError`.

    A member of etcd removes its own when it joins again.
    """
    servers = {server.process: server for server in deployment.backups}
    emptied = []
    for part in parts:
        if part.role == "etcd":
            continue
        server = servers.get(part.name)
        places = [Path(server.log), Path(server.bases)] if server is not None else [Path(deployment.root, "data", part.name)]
        if sum(_empty(place) for place in places if place.is_dir()):
            emptied.append(part.name)
    return tuple(emptied)


def _empty(place: Path) -> int:
    found = list(place.iterdir())
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return len(found)


def rejoin_etcd(deployment: Deployment, parts: Iterable[Process]) -> tuple[str, ...]:
    """Start those members of etcd that do not run as new, empty members of their cluster; their names. Raises :class:`OSError`."""
    root = Path(deployment.root)
    everyone = [process for process in deployment.processes if process.role == "etcd"]
    started = []
    for member in (part for part in parts if part.role == "etcd" and processes.find(root, part) is None):
        others = ",".join(f"{HOST}:{other.ports[0]}" for other in everyone if other.name != member.name)
        # It joins anew only a member that seems to have run before; its data may be gone since a first try.
        Path(root, "data", member.name, "member").mkdir(parents=True, exist_ok=True)
        paths = os.pathsep.join([str(PACKAGE), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))])
        argv = (sys.executable, "-m", REJOIN, others, *member.argv)
        processes.start(root, deployment.id, replace(member, argv=argv, environ={**member.environ, "PYTHONPATH": paths}))
        started.append(member.name)
    return tuple(started)


def take_base(deployment: Deployment, server: BackupServer, within_s: float) -> None:
    """Make the first base backup of an empty backup server. Raises what :func:`base_backup.take` raises."""
    try:
        base_backup.take(deployment, server, Path(server.bases, FIRST_BASE), within_s)
    except DrillFailed as error:
        raise type(error)(f"{server.process} cannot make a base backup: {error}") from error
