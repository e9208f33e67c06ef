"""What the host and each group of processes used between two looks: CPU, memory, storage and network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psutil

from closeshave.environments.evidence import proctable
from closeshave.environments.evidence.proctable import TICKS_PER_S, Entry, Io

HOST = "host"
"""The role of the row that is about the whole machine."""

Incarnation = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Group:
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
    """CPU seconds used in the interval by those that lived at its end; the host's is user and system time."""
    memory_bytes: int
    """Resident at the interval's end: a group's own pages (none that are shared), the host's use."""
    read_bytes: int | None
    written_bytes: int | None
    """Storage, in the interval. ``None`` for a group some of whose processes may not be looked at."""
    user_s: float | None = None
    system_s: float | None = None
    idle_s: float | None = None
    iowait_s: float | None = None
    steal_s: float | None = None
    """CPU seconds in the interval, summed over all cores; from here on of the host only."""
    load_1min: float | None = None
    memory_available_bytes: int | None = None
    received_bytes: int | None = None
    sent_bytes: int | None = None
    """Network in the interval, loopback included."""


@dataclass(frozen=True, slots=True)
class Look:
    """The cumulative counters at one instant."""

    entries: Mapping[int, Entry]
    owners: Mapping[int, Group]
    io: Mapping[Incarnation, Io | None]
    """Of owned processes."""
    memory_bytes: Mapping[int, int]
    """Of owned processes."""
    host: HostCounters


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

    @classmethod
    def read(cls) -> HostCounters:
        """As they are now. Storage is ``None`` where the kernel shows no disks, as in some sandboxes."""
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
        )


def look(own: Callable[[Mapping[int, Entry]], Mapping[int, Group]]) -> Look:
    """Read every counter now; ``own`` says to which group a process belongs."""
    entries = proctable.table()
    owned = own(entries)
    return Look(
        entries=entries,
        owners=owned,
        io={entries[pid].incarnation: proctable.io(pid) for pid in owned},
        memory_bytes={pid: proctable.memory_bytes(pid) for pid in owned},
        host=HostCounters.read(),
    )


def usage(before: Look, after: Look) -> list[Usage]:
    """What was used from one look to the next: the host first, then each group that has processes now.

    A process that was born and died in between is not seen: what it used shows in the host's row only.
    """
    ticks = {entry.incarnation: entry.cpu_ticks for entry in before.entries.values()}
    members: dict[Group, list[Entry]] = defaultdict(list)
    for pid, group in after.owners.items():
        members[group].append(after.entries[pid])
    groups = []
    for group, entries in members.items():
        spent = sum(entry.cpu_ticks - ticks.get(entry.incarnation, 0) for entry in entries)
        moved = [
            _moved(before.io, after.io[entry.incarnation], entry.incarnation, born=entry.incarnation not in ticks) for entry in entries
        ]
        known = [one for one in moved if one is not None]
        groups.append(
            Usage(
                role=group.role,
                region=group.region,
                processes=len(entries),
                cpu_s=spent / TICKS_PER_S,
                memory_bytes=sum(after.memory_bytes[entry.pid] for entry in entries),
                read_bytes=sum(one.read_bytes for one in known) if len(known) == len(moved) else None,
                written_bytes=sum(one.written_bytes for one in known) if len(known) == len(moved) else None,
            )
        )
    return [_host(before.host, after), *sorted(groups, key=lambda one: (one.role, one.region or ""))]


def _moved(before: Mapping[Incarnation, Io | None], now: Io | None, incarnation: Incarnation, *, born: bool) -> Io | None:
    """Storage traffic since ``before``; all of it for one born since, none yet for an older one that has only now been found to belong."""
    earlier = before.get(incarnation, Io(0, 0) if born else now)
    return None if now is None or earlier is None else Io(now.read_bytes - earlier.read_bytes, now.written_bytes - earlier.written_bytes)


def _host(before: HostCounters, after: Look) -> Usage:
    now = after.host
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
    )


def _difference(before: int | None, now: int | None) -> int | None:
    return None if before is None or now is None else now - before
