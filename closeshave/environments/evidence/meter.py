"""What the host and each group of processes used between two samples, and what they had to wait for: CPU, memory, storage and network."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from closeshave.environments.evidence import proctable, spending
from closeshave.environments.evidence.proctable import TICKS_PER_S, Entry, Incarnation, Io
from closeshave.environments.evidence.spending import Owned, Spent

HOST = "host"
"""The role of the row that is about the whole machine."""


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """Processes that are counted together."""

    role: str
    """A role of :class:`closeshave.deployment.Process`, ``locust`` or ``harness``."""
    region: str | None


@dataclass(frozen=True, slots=True)
class Usage:
    """One group, or the host, in one interval. Absent is ``None``, never 0."""

    role: str
    region: str | None
    processes: int
    cpu_s: float
    """CPU seconds used in the interval: of a group by its processes and by children of theirs that ended in it; of the host user and system time."""
    memory_bytes: int
    """Resident bytes at the interval's end: of a group only unshared pages; of the host the memory in use."""
    read_bytes: int | None
    written_bytes: int | None
    """Bytes of storage traffic in the interval. ``None`` for a group with processes that may not be inspected."""
    user_s: float | None = None
    system_s: float | None = None
    idle_s: float | None = None
    iowait_s: float | None = None
    steal_s: float | None = None
    """CPU seconds in the interval, summed over all cores. This field and the following ones are of the host only."""
    load_1min: float | None = None
    memory_available_bytes: int | None = None
    received_bytes: int | None = None
    sent_bytes: int | None = None
    """Bytes of network traffic in the interval, including loopback."""
    others_s: float | None = None
    """CPU seconds of programs that belong to no group; the kernel's own threads are not counted. Never more than the groups left of the host's."""
    delay_s: float | None = None
    """This field and the following ones are of groups. Seconds that their threads waited for a processor, summed (run-queue delay)."""
    blocked_s: float | None = None
    """Seconds that they waited for storage, summed; ``None`` if the kernel does not count it."""
    major_faults: int | None = None
    stopped: int | None = None
    """Processes that were stopped by a signal at the interval's end."""
    cpu_stall_s: float | None = None
    memory_stall_s: float | None = None
    io_stall_s: float | None = None
    """Pressure stall information: seconds of the interval in which some task had to wait for the resource.

    For the whole host, and for a group whose processes have control groups of their own (containers), of which the worst counts.
    """


@dataclass(frozen=True, slots=True)
class Stalls:
    """Cumulative seconds of pressure stall information; ``None`` where the kernel does not report it."""

    cpu_s: float | None
    memory_s: float | None
    io_s: float | None

    @classmethod
    def read(cls, prefix: str, suffix: str = "") -> Stalls:
        """From the files ``PREFIXcpuSUFFIX`` and so on."""
        return cls(*(proctable.stalled_s(f"{prefix}{what}{suffix}") for what in ("cpu", "memory", "io")))

    def since(self, before: Stalls) -> Stalls:
        """The increase since ``before``."""
        return Stalls(_added(before.cpu_s, self.cpu_s), _added(before.memory_s, self.memory_s), _added(before.io_s, self.io_s))


UNKNOWN = Stalls(None, None, None)


@dataclass(frozen=True, slots=True)
class Look:
    """The cumulative counters at one instant."""

    entries: Mapping[int, Entry]
    owners: Mapping[int, ProcessGroup]
    io: Mapping[Incarnation, Io | None]
    """Of owned processes."""
    memory_bytes: Mapping[int, int]
    """Of owned processes."""
    host: HostCounters
    waits_ns: Mapping[Incarnation, Mapping[int, int]] | None = None
    """Of owned processes, by thread; ``None`` if this kernel does not count it."""
    stalls: Mapping[str, Stalls] = field(default_factory=dict)
    """By control group; the empty name is the whole host."""
    contained: Mapping[int, str] = field(default_factory=dict)
    """The control group of each owned process whose control group is not the sampler's."""
    ended: Mapping[int, Entry] = field(default_factory=dict)
    """Processes that have ended and were not yet waited for."""
    ended_owners: Mapping[int, ProcessGroup] = field(default_factory=dict)
    """The groups of those that had one."""

    @property
    def owned(self) -> Owned[ProcessGroup]:
        """All processes with their groups, also those that have ended."""
        return Owned({**self.entries, **self.ended}, {**self.owners, **self.ended_owners})


@dataclass(frozen=True, slots=True)
class HostCounters:
    """The machine's cumulative counters; seconds over all cores."""

    user_s: float
    system_s: float
    idle_s: float
    iowait_s: float
    steal_s: float
    read_bytes: int | None
    written_bytes: int | None
    received_bytes: int
    sent_bytes: int
    load_1min: float
    memory_used_bytes: int
    memory_available_bytes: int
    interrupts_s: float = 0.0
    """System time that belongs to no process, such as interrupts."""

    @classmethod
    def read(cls) -> HostCounters:
        """The current counters. Storage is ``None`` if the kernel shows no disks, as in some sandboxes."""
        cpu, memory, disks, network = psutil.cpu_times(), psutil.virtual_memory(), psutil.disk_io_counters(), psutil.net_io_counters()
        return cls(
            user_s=cpu.user + cpu.nice,
            system_s=cpu.system + cpu.irq + cpu.softirq,
            idle_s=cpu.idle,
            iowait_s=cpu.iowait,
            steal_s=cpu.steal,
            read_bytes=disks.read_bytes if disks else None,
            written_bytes=disks.write_bytes if disks else None,
            received_bytes=network.bytes_recv,
            sent_bytes=network.bytes_sent,
            load_1min=psutil.getloadavg()[0],
            memory_used_bytes=memory.total - memory.available,
            memory_available_bytes=memory.available,
            interrupts_s=cpu.irq + cpu.softirq,
        )


def look(own: Callable[[Mapping[int, Entry]], Mapping[int, ProcessGroup]]) -> Look:
    """Read every counter now; ``own`` says to which group a process belongs, or belonged until it ended."""
    everything = proctable.table(ended=True)
    whose = own(everything)
    entries = {pid: entry for pid, entry in everything.items() if not entry.ended}
    owned = {pid: group for pid, group in whose.items() if pid in entries}
    contained = _contained(owned)
    return Look(
        entries=entries,
        owners=owned,
        io={entries[pid].incarnation: proctable.io(pid) for pid in owned},
        memory_bytes={pid: proctable.memory_bytes(pid) for pid in owned},
        host=HostCounters.read(),
        waits_ns={entries[pid].incarnation: proctable.waits_ns(pid) for pid in owned} if proctable.waits_counted() else None,
        stalls={
            "": Stalls.read("/proc/pressure/"),
            **{name: Stalls.read(f"{GROUPS}/{name}/", ".pressure") for name in sorted({*contained.values()})},
        },
        contained=contained,
        ended={pid: entry for pid, entry in everything.items() if entry.ended},
        ended_owners={pid: group for pid, group in whose.items() if pid not in entries},
    )


GROUPS = next((str(path) for path in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")) if (path / "cgroup.procs").exists()), "")
"""The mount point of control groups version 2; empty if there is none."""


def _contained(owned: Mapping[int, ProcessGroup]) -> dict[int, str]:
    """Processes in a control group other than the sampler's: a shared group does not show which process was delayed."""
    if not GROUPS:
        return {}
    here = proctable.control_group(os.getpid())
    told = ((pid, proctable.control_group(pid)) for pid in owned)
    return {pid: name for pid, name in told if name and name != here}


def usage(before: Look, after: Look) -> list[Usage]:
    """What was used between two samples: the host first, then each group that has processes now."""
    known_before = {entry.incarnation for entry in before.entries.values()}
    spent = spending.between(before.owned, after.owned)
    members: dict[ProcessGroup, list[Entry]] = defaultdict(list)
    for pid, group in after.owners.items():
        members[group].append(after.entries[pid])
    groups = []
    for group, entries in members.items():
        moved = [
            _moved(before.io, after.io[entry.incarnation], entry.incarnation, born=entry.incarnation not in known_before)
            for entry in entries
        ]
        known = [one for one in moved if one is not None]
        groups.append(
            Usage(
                role=group.role,
                region=group.region,
                processes=len(entries),
                cpu_s=spent.by_owner[group] / TICKS_PER_S,
                memory_bytes=sum(after.memory_bytes[entry.pid] for entry in entries),
                read_bytes=sum(one.read_bytes for one in known) if len(known) == len(moved) else None,
                written_bytes=sum(one.written_bytes for one in known) if len(known) == len(moved) else None,
                **_held_up(before, after, entries),
            )
        )
    return [_host(before, after, _others_s(before.host, after.host, spent)), *sorted(groups, key=lambda one: (one.role, one.region or ""))]


def _moved(before: Mapping[Incarnation, Io | None], now: Io | None, incarnation: Incarnation, *, born: bool) -> Io | None:
    """Storage traffic since ``before``: all of it for a process started since, and 0 for an older one that was only now assigned to a group."""
    earlier = before.get(incarnation, Io(0, 0) if born else now)
    return None if now is None or earlier is None else Io(now.read_bytes - earlier.read_bytes, now.written_bytes - earlier.written_bytes)


def _held_up(before: Look, after: Look, entries: Sequence[Entry]) -> dict[str, Any]:
    """How the processes of one group were delayed and stopped."""
    earlier = {entry.incarnation: entry for entry in before.entries.values()}
    was = [earlier.get(entry.incarnation) for entry in entries]
    blocked = sum(now.blocked_ticks - (then.blocked_ticks if then else 0) for now, then in zip(entries, was, strict=True))
    counted = any(entry.blocked_ticks for entry in after.entries.values())
    groups = {after.contained[entry.pid] for entry in entries if entry.pid in after.contained}
    added = [after.stalls[name].since(before.stalls.get(name, UNKNOWN)) for name in groups]
    return {
        "delay_s": None if after.waits_ns is None else sum(_waited_ns(before, after, entry) for entry in entries) / 1e9,
        "blocked_s": blocked / TICKS_PER_S if counted else None,
        "major_faults": sum(now.major_faults - then.major_faults for now, then in zip(entries, was, strict=True) if then),
        "stopped": sum(entry.stopped for entry in entries),
        "cpu_stall_s": max((each.cpu_s for each in added if each.cpu_s is not None), default=None),
        "memory_stall_s": max((each.memory_s for each in added if each.memory_s is not None), default=None),
        "io_stall_s": max((each.io_s for each in added if each.io_s is not None), default=None),
    }


def _waited_ns(before: Look, after: Look, entry: Entry) -> int:
    """Waiting time of each thread in the interval: all of it for a process started since, and 0 for an older one that was only now assigned to a group."""
    assert after.waits_ns is not None
    now = after.waits_ns.get(entry.incarnation, {})
    known = (before.waits_ns or {}).get(entry.incarnation)
    if known is None:
        born = all(entry.incarnation != one.incarnation for one in (before.entries.get(entry.pid),) if one is not None)
        known = {} if born else now
    return sum(max(0, waited - known.get(thread, 0)) for thread, waited in now.items())


def _others_s(before: HostCounters, after: HostCounters, spent: Spent[ProcessGroup]) -> float:
    """CPU time of other programs: what is known of them, or more if the host was busier than all seen processes explain; never more than is left."""
    used = after.user_s - before.user_s + after.system_s - before.system_s - (after.interrupts_s - before.interrupts_s)
    left = max(0.0, used - (spent.by_owner.total() + spent.kernel) / TICKS_PER_S)
    return max(min(spent.others / TICKS_PER_S, left), left - UNEXPLAINED * _capacity_s(before, after))


UNEXPLAINED = 0.1
"""Tolerance, as a share of all cores' time: the host's times are counted in ticks, and short processes that no sample sees may be the harness's own."""


def _capacity_s(before: HostCounters, after: HostCounters) -> float:
    return sum(
        now - then
        for then, now in (
            (before.user_s, after.user_s),
            (before.system_s, after.system_s),
            (before.idle_s, after.idle_s),
            (before.iowait_s, after.iowait_s),
            (before.steal_s, after.steal_s),
        )
    )


def _host(earlier: Look, after: Look, others_s: float) -> Usage:
    before, now = earlier.host, after.host
    stalls = after.stalls.get("", UNKNOWN).since(earlier.stalls.get("", UNKNOWN))
    return Usage(
        role=HOST,
        region=None,
        processes=len(after.entries),
        cpu_s=now.user_s - before.user_s + now.system_s - before.system_s,
        memory_bytes=now.memory_used_bytes,
        read_bytes=_difference(before.read_bytes, now.read_bytes),
        written_bytes=_difference(before.written_bytes, now.written_bytes),
        user_s=now.user_s - before.user_s,
        system_s=now.system_s - before.system_s,
        idle_s=now.idle_s - before.idle_s,
        iowait_s=now.iowait_s - before.iowait_s,
        steal_s=now.steal_s - before.steal_s,
        load_1min=now.load_1min,
        memory_available_bytes=now.memory_available_bytes,
        received_bytes=now.received_bytes - before.received_bytes,
        sent_bytes=now.sent_bytes - before.sent_bytes,
        others_s=others_s,
        cpu_stall_s=stalls.cpu_s,
        memory_stall_s=stalls.memory_s,
        io_stall_s=stalls.io_s,
    )


def _added(before: float | None, now: float | None) -> float | None:
    return None if before is None or now is None else now - before


def _difference(before: int | None, now: int | None) -> int | None:
    return None if before is None or now is None else now - before
