"""Ends an environment and removes everything that it created, given only its directory, even if its start was interrupted."""

from __future__ import annotations

import shutil
import signal
from contextlib import suppress
from pathlib import Path

from closeshave.control import processes
from closeshave.environments import logs, ports, registry
from closeshave.environments.servers import postmaster
from closeshave.plurals import plural

PORTS_S_MAX = 3.0


def down(root: Path, *, logs_to: Path | None = None) -> tuple[str, ...]:
    """End every process of the environment at ``root``, remove its directory and release its ports.

    Returns what could not be removed; empty when everything is gone or nothing existed. ``logs_to``: a directory for a copy of its logs. Works from
    any process, in any state of the environment, and any number of times.
    """
    root = root.absolute()
    if not root.exists():
        return ()
    try:
        claim = registry.read_claim(root)
    except FileNotFoundError:
        return _remove_unused(root)
    left = [f"process {identity.pid} ({processes.state(identity)})" for identity in _end_processes(root, claim)]
    if logs_to is not None:
        try:
            logs.copy(root, logs_to)
        except OSError as error:
            left.append(f"logs not copied: {error}")
    left += _remove(root)
    block = range(claim.first_port, claim.first_port + claim.port_count)
    processes.poll_until(lambda: not ports.still_listened_on(block), PORTS_S_MAX)
    left += [f"port {port}, which something still listens on" for port in ports.still_listened_on(block)]
    if not left:
        ports.release(root)
    return tuple(left)


def _end_processes(root: Path, claim: registry.EnvironmentClaim) -> list[processes.Identity]:
    """Kill recorded and marked processes; databases are ended last and by SIGTERM, so that they free their shared memory."""
    servers = postmaster.below(root)
    databases = set(processes.with_descendants(live for server in servers if (live := server.identity)))
    others = [member for member in {*_recorded(root), *processes.marked(claim.id)} if member not in databases]
    # First the processes that would start a database again.
    processes.send(others, signal.SIGKILL)
    processes.gone(others, 2.0)
    postmaster.end(servers)
    survivors = processes.sweep(claim.id, also=[*databases, *others])
    stuck = postmaster.free_segments(servers)
    if stuck:
        raise OSError(f"{plural(len(stuck), 'a shared memory segment', 'shared memory segments')} could not be removed: {', '.join(stuck)}")
    return survivors


def _recorded(root: Path) -> list[processes.Identity]:
    """Every live process that was recorded below ``root``, with its descendants."""
    found = map(processes.read_identity, (root / "processes").glob("*.json"))
    return processes.with_descendants(identity for identity in found if identity is not None)


def _remove_unused(root: Path) -> tuple[str, ...]:
    """Remove a directory that no environment claimed, but never one with other contents."""
    try:
        root.rmdir()
    except OSError:
        return (f"{root}: holds no environment",)
    return ()


def _remove(root: Path) -> list[str]:
    failed: list[str] = []

    def note(_: object, path: str, error: tuple[type[BaseException], BaseException, object]) -> None:
        if not isinstance(error[1], FileNotFoundError):
            failed.append(f"{path}: {error[1]}")

    # The claim goes last: an interrupted removal can be found and repeated.
    for path in root.iterdir():
        if path.name != registry.FILE:
            shutil.rmtree(path, onerror=note) if path.is_dir() else path.unlink(missing_ok=True)
    if not failed:
        shutil.rmtree(root, onerror=note)
        with suppress(OSError):
            root.parent.rmdir()
    return failed
