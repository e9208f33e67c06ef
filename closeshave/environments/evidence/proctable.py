"""All processes of this machine at one instant, from ``/proc``: one short read for each process, cheap enough for once a second."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

Owner = TypeVar("Owner", bound=Hashable)

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

Incarnation = tuple[int, int]
"""A process ID and the start time in ticks: together they mean one process, because IDs are used again."""

_KERNEL_THREAD = 0x0020_0000
"""PF_KTHREAD of the kernel's ``sched.h``, among a process's flags."""
_BLOCKED = 39
"""Field 42 of proc_pid_stat(5), counted from the state."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One process as ``/proc/PID/stat`` describes it (proc_pid_stat(5))."""

    pid: int
    parent: int
    started_ticks: int
    """Ticks after boot."""
    cpu_ticks: int
    """User and system time of its own, without children."""
    ended: bool = False
    """It has ended and its parent has not yet waited for it (a zombie)."""
    stopped: bool = False
    """Stopped by a signal (SIGSTOP) or a debugger."""
    kernel: bool = False
    """A thread of the kernel, not a program."""
    child_ticks: int = 0
    """User and system time of its children that have ended and were waited for."""
    major_faults: int = 0
    """Page faults for which it had to wait until the page was read from storage."""
    blocked_ticks: int = 0
    """Ticks that it waited for storage; stays 0 if the kernel does not count it (``kernel.task_delayacct``)."""
    name: str = field(default="", compare=False)
    """The program's name, at most 15 characters."""

    @property
    def incarnation(self) -> Incarnation:
        """Identifies this process uniquely."""
        return self.pid, self.started_ticks


@dataclass(frozen=True, slots=True)
class Io:
    """Bytes that a process caused to be read from and written to storage since its start (proc_pid_io(5))."""

    read_bytes: int
    written_bytes: int


def parse_stat(text: str) -> Entry:
    """An entry from the text of ``/proc/PID/stat``. The name in brackets may itself hold brackets and spaces."""
    pid, rest = text.split(" (", 1)
    name, _, numbers = rest.rpartition(") ")
    fields = numbers.split()
    return Entry(
        pid=int(pid),
        parent=int(fields[1]),
        started_ticks=int(fields[19]),
        cpu_ticks=int(fields[11]) + int(fields[12]),
        ended=fields[0] in "ZX",
        stopped=fields[0] in "Tt",
        kernel=bool(int(fields[6]) & _KERNEL_THREAD),
        child_ticks=int(fields[13]) + int(fields[14]),
        major_faults=int(fields[9]),
        blocked_ticks=int(fields[_BLOCKED]) if len(fields) > _BLOCKED else 0,
        name=name,
    )


def table(*, ended: bool = False) -> dict[int, Entry]:
    """Every current process, by ID; with ``ended`` also those that have ended and whose parent has not yet waited for them (zombies)."""
    found = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - every second, for hundreds of processes: Path objects would double the cost
        if name.isdecimal() and (text := _read(f"/proc/{name}/stat")):
            entry = parse_stat(text)
            if ended or not entry.ended:
                found[entry.pid] = entry
    return found


def owners(entries: Mapping[int, Entry], roots: Mapping[int, Owner]) -> dict[int, Owner]:
    """The owner of each process: the nearest root among itself and its ancestors; processes below no root are left out."""
    found: dict[int, Owner] = {}
    for pid in entries:
        path: list[int] = []
        at = pid
        # A parent may have ended while the table was read, and a reused ID could cause a cycle.
        while at in entries and at not in found and at not in roots and at not in path:
            path.append(at)
            at = entries[at].parent
        if at in entries and (at in found or at in roots):
            owner = found[at] if at in found else roots[at]
            found.update(dict.fromkeys([*path, at], owner))
    return found


def memory_bytes(pid: int) -> int:
    """Resident memory of the process without pages shared with others, so that a sum over processes counts no page twice."""
    fields = _read(f"/proc/{pid}/statm").split()
    return (int(fields[1]) - int(fields[2])) * PAGE_BYTES if fields else 0


def io(pid: int) -> Io | None:
    """The process's storage traffic; ``None`` when it has ended or belongs to a user whose processes may not be read."""
    numbers = dict(line.split(": ") for line in _read(f"/proc/{pid}/io").splitlines())
    return Io(int(numbers["read_bytes"]), int(numbers["write_bytes"])) if numbers else None


def waits_counted() -> bool:
    """Whether this kernel counts how long threads wait for a processor: the count of a running process is above 0 then."""
    words = _read("/proc/self/schedstat", at_most=128).split()
    return len(words) > 2 and int(words[2]) > 0


def waits_ns(pid: int) -> dict[int, int]:
    """How long each thread of the process has waited for a processor while it could have run, by thread ID; none when it has ended.

    ``/proc/PID/schedstat`` describes only the main thread, so every thread is read.
    """
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - as in table()
    except OSError:
        return {}
    told = {int(thread): _read(f"/proc/{pid}/task/{thread}/schedstat", at_most=128).split() for thread in threads}
    return {thread: int(words[1]) for thread, words in told.items() if len(words) > 1}


def stalled_s(pressure: str) -> float | None:
    """Seconds in which at least one task had to wait, from a file of pressure stall information; ``None`` if there is none."""
    for line in _read(pressure).splitlines():
        if line.startswith("some "):
            return int(line.rpartition("total=")[2]) / 1e6
    return None


def control_group(pid: int) -> str:
    """The process's control group of version 2, a path below the root of that hierarchy; empty for none and for the root itself."""
    for line in _read(f"/proc/{pid}/cgroup").splitlines():
        if line.startswith("0::"):
            return line.removeprefix("0::").strip("/")
    return ""


def environ(pid: int) -> list[str]:
    """The ``NAME=value`` words that the process was started with; empty ones when they cannot be read."""
    return _read(f"/proc/{pid}/environ", at_most=1 << 17).split("\0")


def command(pid: int) -> list[str]:
    """The words of the process's command line; none for a kernel thread or a process that has ended."""
    return [word for word in _read(f"/proc/{pid}/cmdline", at_most=1 << 17).split("\0") if word]


def _read(path: str, at_most: int = 4096) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return ""  # it has ended, or may not be read by this user
    try:
        return os.read(descriptor, at_most).decode(errors="replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)
