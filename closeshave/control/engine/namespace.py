"""Processes of containers as the kernel shows them: the container of a process, and its ID inside. Does not use the engine."""

from __future__ import annotations

import re
from collections import deque
from contextlib import suppress
from pathlib import Path

CONTAINER_ID = re.compile(r"[0-9a-f]{64}")
_GONE = (FileNotFoundError, ProcessLookupError)


def container_of(pid: int) -> str | None:
    """The ID of the container of a process; ``None`` when it runs in none, or in the same one as this process.

    The engine names each container's control group after it (cgroups(7)).
    """
    found = _innermost(f"/proc/{pid}/cgroup")
    return found if found and found != _innermost("/proc/self/cgroup") else None


def inner_pid(pid: int) -> int | None:
    """The ID that a process has in its innermost process namespace (``NSpid``, proc_pid_status(5)); ``None`` when it has ended."""
    with suppress(*_GONE):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name == "NSpid":
                return int(value.split()[-1])
    return None


def known_inside_as(first: int, number: int) -> int | None:
    """The process with the ID ``number`` in the namespace of ``first`` or one below it; ``None`` when there is none."""
    waiting = deque([first])
    while waiting:
        pid = waiting.popleft()
        if inner_pid(pid) == number:
            return pid
        waiting += _children(pid)
    return None


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(*_GONE):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(*_GONE):
                found += map(int, (thread / "children").read_text(encoding="utf-8").split())
    return found


def _innermost(path: str) -> str | None:
    with suppress(*_GONE):
        return next(reversed(CONTAINER_ID.findall(Path(path).read_text(encoding="utf-8"))), None)
    return None
