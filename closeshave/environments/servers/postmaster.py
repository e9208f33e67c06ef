"""Finds PostgreSQL servers by their data directories, and ends them so that no shared memory is left."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from closeshave.control import processes

SYSV_SEGMENTS = Path("/proc/sysvipc/shm")
IPC_RMID = 0
"""Linux's number of this command, in ``<linux/ipc.h>``."""


@dataclass(frozen=True, slots=True)
class Postmaster:
    """The contents of ``postmaster.pid``: the server's process, and the System V segment that marks its data directory as in use."""

    pid: int
    data: Path
    segment: int | None

    @property
    def identity(self) -> processes.Identity | None:
        """The live server; ``None`` when it has ended, also if another process has its ID now."""
        with suppress(psutil.Error):
            if Path(psutil.Process(self.pid).cwd()) == self.data:
                return processes.identify(self.pid)
        return None


def parse(text: str, data: Path) -> Postmaster | None:
    """Read the text of a ``postmaster.pid``; ``None`` when it is incomplete."""
    lines = text.splitlines()
    try:
        pid = abs(int(lines[0]))
    except (IndexError, ValueError):
        return None
    words = lines[6].split() if len(lines) > 6 else []
    return Postmaster(pid, data, int(words[1]) if len(words) == 2 else None)


def below(root: Path) -> list[Postmaster]:
    """Every server whose data directory lies in ``root/data``, running or left behind."""
    found = []
    for path in (root / "data").glob("*/postmaster.pid"):
        with suppress(FileNotFoundError):
            if postmaster := parse(path.read_text(encoding="utf-8"), path.parent.resolve()):
                found.append(postmaster)
    return found


def end(servers: Iterable[Postmaster], timeout_s: float = 3.0) -> list[processes.Identity]:
    """End all servers at the same time, so that they free their shared memory; kill those that do not end in time. Returns those that still run."""
    live = [identity for server in servers if (identity := server.identity)]
    everyone = processes.with_descendants(live)
    # Frozen ones would not handle the signal.
    processes.send(everyone, signal.SIGCONT)
    processes.send(live, signal.SIGQUIT)
    left = processes.gone(everyone, timeout_s)
    processes.send(left, signal.SIGKILL)
    return processes.gone(left, timeout_s)


def free_segments(servers: Iterable[Postmaster]) -> list[str]:
    """Remove the shared memory segments of killed servers; returns those that could not be removed, each with the reason.

    A segment is removed only if that server created it and no process is attached to it.
    """
    return [
        f"{server.segment} ({why})"
        for server in servers
        if server.segment is not None and (server.segment, server.pid) in _unattached() and (why := _removed(server.segment))
    ]


def _removed(segment: int) -> str:
    """Remove a segment, by shmctl(2); returns why it could not be removed, and nothing where it is gone.

    Not by ipcrm(1), which a small image need not have.
    """
    system = ctypes.CDLL(None, use_errno=True)
    if system.shmctl(segment, IPC_RMID, None) == 0 or (number := ctypes.get_errno()) in {errno.EINVAL, errno.EIDRM}:
        return ""
    return os.strerror(number)


def _unattached() -> set[tuple[int, int]]:
    """ID and creator of every System V segment that no process uses."""
    try:
        rows = [line.split() for line in SYSV_SEGMENTS.read_text(encoding="utf-8").splitlines()[1:]]
    except FileNotFoundError:
        return set()
    return {(int(row[1]), int(row[4])) for row in rows if row[6] == "0"}
