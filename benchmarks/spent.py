"""CPU time that each part of a running environment has used, by the kernel's count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import psutil

from closeshave.deployment import Deployment
from closeshave.environments.evidence import proctable
from closeshave.environments.evidence.proctable import TICKS_PER_S, Entry
from closeshave.environments.evidence.resources import Census

Parts = Mapping[str, float]
"""Part → CPU seconds."""

MACHINE = "the whole machine"
"""The CPU time of all programs on the machine."""

_PARTS = {
    "app": "stand-in",
    "payments": "payment provider",
    "valkey": "Valkey",
    "sentinel": "Sentinel",
    "haproxy": "HAProxy",
    "edge": "HAProxy, edges",
    "toxiproxy": "Toxiproxy",
    "etcd": "etcd",
    "locust": "generator",
    "harness": "harness",
}
"""Names of parts by role of :class:`closeshave.deployment.Process`, and of the trial's own processes."""


def look(deployment: Deployment, run_id: str = "", harness: int = 0) -> Parts:
    """The CPU time of each part since its start, and of the machine since its start. ``harness`` is the process ID of the trial ``run_id``, if there
    is one.

    Children that have ended count with the process that waited for them, so short-lived ones are not missed.
    """
    entries = proctable.table()
    census = Census(deployment, run_id, harness)
    # Between fork and exec a new process looks like its parent, so a census believes only what it has seen twice.
    census.owners(entries)
    found: Counter[str] = Counter()
    for pid, group in census.owners(entries).items():
        if pid in entries:
            found[_part(group.role, entries[pid])] += entries[pid].cpu_ticks + entries[pid].child_ticks
    host = psutil.cpu_times()
    return {part: ticks / TICKS_PER_S for part, ticks in found.items()} | {MACHINE: host.user + host.nice + host.system}


def between(before: Parts, after: Parts) -> Parts:
    """The CPU time between two calls of :func:`look`."""
    return {part: cpu_s - before.get(part, 0.0) for part, cpu_s in after.items()}


def _part(role: str, entry: Entry) -> str:
    if role == "patroni":
        return "PostgreSQL" if entry.name.startswith("postgres") else "Patroni"
    return _PARTS.get(role, role)
