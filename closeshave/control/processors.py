"""How many processors this process and its children may use: fewer than the machine has if affinity or a quota of a control group limits them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

Read = Callable[[str], str | None]
"""Reads a file's text; ``None`` if it cannot be read."""

_UNLIMITED = frozenset({"max", "-1"})


def available(read: Read | None = None, affinity: int | None = None) -> float:
    """The number of processors that may be used together, not always a whole number: 1.5 for a quota of 150 ms in 100 ms.

    It is the smallest of the limits by the affinity, by this process's control group and by each group above it (``cpu.max`` of version 2,
    ``cpu.cfs_quota_us`` of version 1). An unknown limit counts as none. Tests pass ``read`` and ``affinity`` instead of the system's.
    """
    read = read or _text
    count = float(len(os.sched_getaffinity(0)) if affinity is None else affinity)
    return min([count, *_quotas(read)])


def _quotas(read: Read) -> Iterator[float]:
    mounts = tuple(_mounts(read("/proc/self/mountinfo") or ""))
    for line in (read("/proc/self/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        second = number == "0" and not controllers
        if not second and "cpu" not in controllers.split(","):
            continue
        for point, root, options in mounts:
            if (options is None) if second else (options is not None and "cpu" in options):
                for place in _upwards(point, root, group):
                    yield from _quota(read, place, second=second)


def _mounts(text: str) -> Iterator[tuple[str, str, frozenset[str] | None]]:
    """``(mount point, root within the hierarchy, controllers)`` of each hierarchy of control groups; no controllers for version 2."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, told = before.split(), after.split()
        if len(fields) < 5 or len(told) < 3 or told[0] not in {"cgroup", "cgroup2"}:
            continue
        yield fields[4], fields[3], None if told[0] == "cgroup2" else frozenset(told[2].split(","))


def _upwards(point: str, root: str, group: str) -> Iterator[str]:
    """The directories of a group and of all above it, as far as this mount shows them."""
    try:
        below = PurePosixPath(group).relative_to(root)
    except ValueError:
        # In a container the mount may show only the container's own group, whose name is unknown.
        below = PurePosixPath()
    yield from (str(PurePosixPath(point, each)) for each in (below, *below.parents))


def _quota(read: Read, place: str, *, second: bool) -> Iterator[float]:
    if second:
        words = (read(f"{place}/cpu.max") or "").split()
    else:
        words = [word.strip() for name in ("quota", "period") if (word := read(f"{place}/cpu.cfs_{name}_us")) is not None]
    if len(words) != 2 or words[0] in _UNLIMITED:
        return
    try:
        quota, period = float(words[0]), float(words[1])
    except ValueError:
        return
    if quota > 0 and period > 0:
        yield quota / period


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
