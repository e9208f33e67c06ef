"""What was seen of a running trial so far: counts and distributions of requests, the lives of faults, the phase."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from closeshave.history import FaultEdge, FaultEvent, Mark, Planning, Signal
from closeshave.loadgen.growing import Growing
from closeshave.loadgen.records import Rows
from closeshave.loadgen.rows import OUTCOMES
from closeshave.vocabulary import MarkKind

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the classes of a distribution, in seconds; one more class holds what is above the last."""


@dataclass(slots=True)
class Durations:
    """Durations in seconds, by class."""

    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(BOUNDS_S) + 1, dtype=np.int64))
    """For each bound how many are at most that and above the bound before it; at the end those above the last bound."""
    sum_s: float = 0.0
    least_s: float = math.inf
    most_s: float = -math.inf

    def copy(self) -> Durations:
        """The same now, whatever is added later."""
        return Durations(self.counts.copy(), self.sum_s, self.least_s, self.most_s)

    def extend(self, seconds: npt.NDArray[np.float64]) -> None:
        """Add these durations, of which there is at least one."""
        self.counts += np.bincount(np.searchsorted(BOUNDS_S, seconds), minlength=len(BOUNDS_S) + 1)
        self.sum_s += float(seconds.sum())
        self.least_s, self.most_s = min(self.least_s, float(seconds.min())), max(self.most_s, float(seconds.max()))


@dataclass(frozen=True, slots=True, order=True)
class RequestKind:
    """What requests are counted by."""

    source: str
    """``customers`` or ``canary``."""
    operation: str
    region: str
    """Whose edge was entered."""
    shard: int
    outcome: str
    good: bool


@dataclass(slots=True)
class FaultLife:
    """What is known of one fault: the wall-clock time of each edge is computed by whoever shows it."""

    kind: str = ""
    scope: str = ""
    edges: dict[str, int] = field(default_factory=dict)
    """Edge → when it happened, monotonic nanoseconds."""

    @property
    def in_effect(self) -> bool:
        """Injected, and the harness has not begun to heal it."""
        return FaultEdge.INJECTED in self.edges and FaultEdge.HEALED not in self.edges


@dataclass(slots=True)
class Totals:
    """Everything since the start of the trial. Not safe for threads: readers take a :meth:`copy`."""

    requests: Counter[RequestKind] = field(default_factory=Counter)
    responses: dict[tuple[str, str, str], Durations] = field(default_factory=dict)
    """Sender, operation and region → from when a request was intended to the end of its answer."""
    lateness: dict[str, Durations] = field(default_factory=dict)
    """Sender → from when a request was intended to when it was sent."""
    faults: dict[str, FaultLife] = field(default_factory=dict)
    """By the fault's ID."""
    signals: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Kind and scope of the platform's own signals."""
    marks: Counter[str] = field(default_factory=Counter)
    """By kind."""
    phase: str = ""
    """The one that runs; empty before the load."""

    def copy(self) -> Totals:
        """The same now, whatever is added later."""
        return Totals(
            Counter(self.requests),
            {key: one.copy() for key, one in self.responses.items()},
            {key: one.copy() for key, one in self.lateness.items()},
            {name: FaultLife(one.kind, one.scope, dict(one.edges)) for name, one in self.faults.items()},
            Counter(self.signals),
            Counter(self.marks),
            self.phase,
        )

    def add(self, worker: Growing) -> None:
        """Count what a worker has recorded since the last call. Raises :class:`OSError`."""
        rows = worker.new_rows()
        if len(rows):
            self._count(worker, rows)
            self._distribute(worker, rows)

    def note(self, event: FaultEvent | Signal | Mark) -> None:
        """Take an event of the timeline into account."""
        match event:
            case FaultEvent():
                life = self.faults.setdefault(event.fault, FaultLife())
                life.edges[event.edge] = event.at_ns
                if isinstance(event.evidence, Planning):
                    life.kind, life.scope = event.evidence.kind, scope_of(event.evidence)
            case Signal():
                self.signals[event.kind, event.scope] += 1
            case Mark():
                self.marks[event.kind] += 1
                if event.kind == MarkKind.HEALING_BEGUN and event.detail in self.faults:
                    # The edge itself is written when the repair has been made.
                    self.faults[event.detail].edges.setdefault(FaultEdge.HEALED, event.at_ns)
                if event.kind == MarkKind.PHASE_STARTED:
                    self.phase = event.detail

    def _count(self, worker: Growing, rows: Rows) -> None:
        # One number for all that requests are counted by: sorting numbers is several times faster than sorting rows.
        kind, region, outcome, good = (rows[name].astype(np.uint64) for name in ("kind", "region", "outcome", "good"))
        shard = rows["shard"].view(np.uint16).astype(np.uint64)
        keys, counts = np.unique(kind << 48 | region << 32 | shard << 16 | outcome << 8 | good, return_counts=True)
        for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
            shard_id = key >> 16 & 0xFFFF
            what = RequestKind(
                worker.source,
                worker.text(key >> 48),
                worker.text(key >> 32 & 0xFFFF),
                shard_id - 0x10000 if shard_id & 0x8000 else shard_id,
                OUTCOMES[key >> 8 & 0xFF].value,
                bool(key & 0xFF),
            )
            self.requests[what] += count

    def _distribute(self, worker: Growing, rows: Rows) -> None:
        took_s = (rows["ended_ns"] - rows["intended_ns"]) / 1e9
        places, which = np.unique(rows["kind"].astype(np.uint32) << 16 | rows["region"], return_inverse=True)
        for index, place in enumerate(places.tolist()):
            key = worker.source, worker.text(place >> 16), worker.text(place & 0xFFFF)
            self.responses.setdefault(key, Durations()).extend(took_s[which == index])
        late_s = np.maximum(rows["started_ns"] - rows["intended_ns"], 0) / 1e9
        self.lateness.setdefault(worker.source, Durations()).extend(late_s)


def scope_of(planned: Planning) -> str:
    """``shard:1``, or ``region:us-west-2``; several keys are joined by commas."""
    return ",".join(f"{key}:{value}" for key, value in planned.scope.items())
