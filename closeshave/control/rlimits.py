"""Limits up to which size processes may write a file (``RLIMIT_FSIZE``, getrlimit(2)), finds limited processes, and frees them.

Only the soft limit is lowered, so that no privilege is needed to raise it again. Children of a limited process are limited from their start.

This file needs only the standard library, because it also runs inside containers, where it handles all processes except itself:
``python3 -c TEXT limit BYTES``, ``free`` or ``limited``. It then prints the process IDs as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

EVERYONE_WITHIN_S = 5.0
Pids = Callable[[], Iterable[int]]
"""Returns the processes that exist now."""


def limit(pids: Pids, bytes_max: int) -> list[int]:
    """Limit all processes, including those started meanwhile; returns those that were limited."""
    done: list[int] = []
    deadline = time.monotonic() + EVERYONE_WITHIN_S
    while new := [pid for pid in pids() if pid not in done]:
        done += [pid for pid in new if _set(pid, bytes_max)]
        if time.monotonic() > deadline:
            break
    return done


def free(pids: Pids) -> list[int]:
    """Remove the limits until no process has one; returns those that had one."""
    done: list[int] = []
    deadline = time.monotonic() + EVERYONE_WITHIN_S
    while found := limited(pids):
        done += [pid for pid in found if _set(pid, None)]
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return done


def limited(pids: Pids) -> list[int]:
    """The processes whose soft limit is below the hard one."""
    return [pid for pid in pids() if _is_limited(pid)]


def _set(pid: int, bytes_max: int | None) -> bool:
    """Set the soft limit (``None``: to the hard one); false for a process that has ended."""
    try:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if bytes_max is None else bytes_max, hard))
    except ProcessLookupError:
        return False
    return True


def _is_limited(pid: int) -> bool:
    try:
        soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    except ProcessLookupError:
        return False
    return soft != hard


def _everyone() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and int(entry.name) != os.getpid()]


def _do(verb: str, *numbers: int) -> list[int]:
    if verb == "limit":
        return limit(_everyone, *numbers)
    return free(_everyone) if verb == "free" else limited(_everyone)


if __name__ == "__main__":
    verb, *numbers = sys.argv[1:]
    print(json.dumps(_do(verb, *map(int, numbers))))  # noqa: T201 - its output
