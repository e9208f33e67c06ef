"""Which resource is the limit: its use at the knee, from the record of the machine that every run keeps. Pure.

A resource is *saturated* where hardly anything of it is left. A group of single-threaded processes (an interpreter with one lock) is saturated when each
of its processes uses one core, however many cores the machine has. Threads that wait for a processor although their group's share is not used up tell
that the machine itself is. What is not recorded (a lock in a database, a pool inside of the application) can be the limit too: where nothing that is
recorded is saturated, that is said, and no resource is named.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from closeshave.capacity.level import LevelPurpose, LevelResult
from closeshave.judge.evidence.windows import Span

SATURATED = 0.85
"""Use from which a resource counts as the limit; above it queues grow fast."""
CLOSE = 0.05
"""Resources this close to the most used one are named with it."""
WAITING = 0.5
"""Seconds of run-queue delay for each second of use: with more the processors themselves are short."""
ASIDE = frozenset({"host", "harness"})
SENDERS = "locust"
QUOTA = "quota of "
SESSIONS, LOCKS, QUEUE, ACTIVE = "sessions of ", "locks of ", "queue of ", "active of "
"""Beginnings of the keys of :mod:`closeshave.capacity.pools`."""
WORDS: Mapping[str, str] = {
    "app": "the application's processes",
    "patroni": "the databases",
    "valkey": "the stores",
    "haproxy": "the balancers",
    "edge": "the edges",
    "pooler": "the poolers",
    "worker": "the workers",
    "toxiproxy": "the network proxies of the harness",
    "payments": "the payment provider",
    SENDERS: "the load generator",
    "others": "other programs",
}
"""Role of a group → what a sentence calls it."""
SINGLE = frozenset({"app", "valkey", SENDERS, "toxiproxy", "payments", "worker"})
"""Groups whose processes use about one core each at most."""


def used(resources: pd.DataFrame | None, span: Span) -> dict[str, float]:
    """Resource → its use in this time: ``machine`` (0 to 1 of all cores), ``ROLE/REGION cores``, ``… of each process``, ``… waiting``.

    Empty where nothing was recorded.
    """
    if resources is None or not len(resources):
        return {}
    inside = resources[(resources["at_ns"] > span.started_ns) & (resources["at_ns"] <= span.ended_ns)]
    role = inside["role"].astype(str)
    host = inside[role == "host"]
    seconds = float(host["interval_s"].sum())
    if not seconds:
        return {}
    busy = float(host["user_s"].sum() + host["system_s"].sum())
    whole = busy + float(host["idle_s"].sum() + host["iowait_s"].sum() + host["steal_s"].fillna(0).sum())
    found = {"machine": busy / whole if whole else 0.0, "machine cores": whole / seconds, "machine busy": busy / seconds}
    others = host["others_s"].fillna(0).sum() if "others_s" in host else 0.0
    found["others cores"] = float(others) / seconds
    groups = inside[~role.isin(list(ASIDE))]
    for (name, region), rows in groups.groupby([groups["role"].astype(str), groups["region"].astype(object).fillna("").astype(str)]):
        key = f"{name}/{region}" if region else str(name)
        cores = float(rows["cpu_s"].sum()) / seconds
        processes = float(rows["processes"].mean())
        found[f"{key} cores"] = cores
        if name in SINGLE and processes:
            found[f"{key} of each process"] = cores / processes
        if "delay_s" in rows and cores > 0 and not rows["delay_s"].isna().all():
            found[f"{key} waiting"] = float(np.nansum(rows["delay_s"])) / seconds
    return {name: value for name, value in found.items() if math.isfinite(value)}


@dataclass(frozen=True, slots=True)
class LimitingSaid:
    """What is the limit at the knee."""

    resource: str
    """Its key, such as ``machine`` or ``app/us-east-1``; empty where nothing that was recorded is saturated."""
    use: float | None
    """0 to 1."""
    sentence: str
    """The same with the figures, in words."""


def limiting(results: Sequence[LevelResult], knee: float | None, quota_cores: float | None = None) -> LimitingSaid | None:
    """The limit at this rate; ``None`` where no level near it recorded the machine. The level nearest to the knee counts, at it or above it."""
    near = [
        one
        for one in results
        if one.resources and knee is not None and one.ask.purpose is not LevelPurpose.OVERLOAD and one.ask.rate >= knee * (1 - 1e-9)
    ]
    if not near:
        return None
    return said(min(near, key=lambda one: one.ask.rate).resources, quota_cores)


def said(use: Mapping[str, float], quota_cores: float | None = None) -> LimitingSaid:
    """The most used resource of these. ``quota_cores``: what each region may use; ``None`` without a quota."""
    full = _used_up(use, quota_cores)
    if not full:
        return LimitingSaid("", None, "the use of the machine was not recorded, so the limiting resource is unknown")
    most = max(full, key=lambda key: full[key])
    if full[most] < SATURATED:
        near = f"the most used is {_called(most, use)} at {full[most]:.0%}"
        text = f"nothing that is recorded is saturated ({near}): a lock, a pool or a limit inside of the platform may be the limit{_queues(use)}"
        return LimitingSaid("", full[most], text)
    if most == "machine" or full.get("machine", 0.0) >= full[most] - CLOSE:
        return LimitingSaid("machine", full["machine"], _machine(use))
    if most.startswith(QUOTA):
        region = most.removeprefix(QUOTA)
        return LimitingSaid(most, full[most], f"the quota of {region}: {full[most]:.0%} of its {quota_cores:g} cores")
    if most.startswith((SESSIONS, LOCKS)):
        return LimitingSaid(most, full[most], f"{_pool(most, use)}{_queues(use)}")
    waits = use.get(f"{most} waiting")
    waiting = f"; their threads waited {waits:.2f} s per second for a processor" if waits is not None and waits > WAITING else ""
    return LimitingSaid(most, full[most], f"{_called(most, use)}: each process uses {full[most]:.0%} of one core{waiting}{_queues(use)}")


def _used_up(use: Mapping[str, float], quota_cores: float | None) -> dict[str, float]:
    """What has a limit, and how much of it is used."""
    full = {key: value for key, value in use.items() if key == "machine" or key.startswith((SESSIONS, LOCKS))}
    each = " of each process"
    full |= {key.removesuffix(each): value for key, value in use.items() if key.endswith(each) and not key.startswith(SENDERS)}
    if quota_cores:
        full |= {f"{QUOTA}{region}": cores / quota_cores for region, cores in _by_region(use).items()}
    return full


def _machine(use: Mapping[str, float]) -> str:
    cores, busy = use.get("machine cores", 0.0), use.get("machine busy", 0.0)
    roles: dict[str, float] = {}
    for key, value in use.items():
        if key.endswith(" cores") and not key.startswith("machine"):
            role = key.removesuffix(" cores").partition("/")[0]
            roles[role] = roles.get(role, 0.0) + value
    first = sorted(roles, key=lambda role: -roles[role])[:3]
    shares = ", ".join(f"{WORDS.get(role, role)} {roles[role] / busy:.0%}" for role in first if busy)
    waits = sum(value for key, value in use.items() if key.endswith(" waiting"))
    return f"the machine's processors: {use['machine']:.0%} of {cores:.3g} cores, of which {shares}; threads waited {waits:.2f} s per second for one"


def _pool(key: str, use: Mapping[str, float]) -> str:
    if key.startswith(SESSIONS):
        return f"the {key}: {use[key]:.0%} of those that its database allows are in use"
    active = use.get(key.replace(LOCKS, ACTIVE), 0.0)
    return f"the {key}: {use[key]:.0%} of its {active:.1f} busy sessions wait for a lock"


def _queues(use: Mapping[str, float]) -> str:
    """Requests that wait in balancers, as the end of a sentence."""
    long = [f"{value:.1f} requests wait in the {key}" for key, value in use.items() if key.startswith(QUEUE) and value >= 1]
    return f"; {', '.join(long)}" if long else ""


def _called(key: str, use: Mapping[str, float]) -> str:
    if key == "machine":
        return "the machine's processors"
    if key.startswith((QUOTA, SESSIONS, LOCKS)):
        return f"the {key}"
    role, _, region = key.partition("/")
    name = WORDS.get(role, key)
    cores = use.get(f"{key} cores")
    return f"{name}{f' in {region}' if region else ''}{f' ({cores:.2f} cores)' if cores is not None else ''}"


def _by_region(use: Mapping[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for key, value in use.items():
        if key.endswith(" cores") and "/" in key:
            region = key.removesuffix(" cores").partition("/")[2]
            found[region] = found.get(region, 0.0) + value
    return found
