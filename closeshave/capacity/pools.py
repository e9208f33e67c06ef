"""What waits inside of an environment of ours while a level runs: sessions of the databases, locks, queues of the balancers. Sampled from outside, rarely.

The record of the machine tells who used the processors; it does not tell who waited for a session or for a lock. A sample that a part does not answer is
left out: while a fault is in effect some do not.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from closeshave.clients import balancer, postgres
from closeshave.clock import now_ns
from closeshave.deployment import Deployment
from closeshave.files import append_line, read_lines
from closeshave.judge.evidence.windows import Span

FILE = "pools.jsonl"
"""In the directory of the search."""
EVERY_S = 2.0


@dataclass(slots=True)
class PoolWatch:
    """Samples in a thread of its own from the beginning of a level's load to its end."""

    path: Path
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def begin(self, deployment: Deployment) -> None:
        """Start to sample."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._sample, args=(deployment,), name="pools", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop, and wait for the sample that is being taken."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10.0)
            self._thread = None

    def _sample(self, deployment: Deployment) -> None:
        while not self._stop.wait(EVERY_S):
            found = look(deployment)
            if found:
                append_line(self.path, {"at_ns": now_ns(), "pools": found})


def look(deployment: Deployment) -> dict[str, float]:
    """One sample: ``sessions of shard 1`` (share of those that it allows), ``locks of shard 1`` (share of its busy sessions that wait for one),
    ``queue of here`` (requests that wait in a region's balancer)."""
    found: dict[str, float] = {}
    for member in deployment.members:
        try:
            seen = postgres.occupied(deployment, member)
        except postgres.Unavailable:
            continue
        if not seen.in_recovery:
            found[f"sessions of shard {member.shard}"] = seen.sessions / seen.sessions_max
            found[f"locks of shard {member.shard}"] = seen.waiting / seen.active if seen.active else 0.0
            found[f"active of shard {member.shard}"] = float(seen.active)
    for each in deployment.balancers:
        try:
            found[f"queue of {each.region}"] = float(balancer.queued(each))
        except balancer.Unavailable:
            continue
    return found


def during(path: Path, span: Span) -> dict[str, float]:
    """The means of the samples of this time."""
    taken = [one["pools"] for one in read_lines(path) if span.started_ns <= int(one["at_ns"]) <= span.ended_ns]
    return means(taken)


def means(samples: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """By key, over the samples that have it."""
    sums: dict[str, list[float]] = {}
    for one in samples:
        for key, value in one.items():
            sums.setdefault(key, []).append(float(value))
    return {key: sum(values) / len(values) for key, values in sums.items()}
